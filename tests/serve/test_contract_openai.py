"""The official OpenAI client asks a server that is really listening."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.fakes import one_of_each, service_of
from tests.serve.live import listening

openai = pytest.importorskip("openai")
KEY = "a-key-of-the-openai-client"
VECTOR = [0.5, -1.0, 2.0]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with listening(service_of(one_of_each(), keys=KEY, port=0)) as url:
        yield f"{url}/v1"


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    with openai.OpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("how", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}], ids=str)
def test_it_gets_embeddings(client: Any, how: dict[str, str]) -> None:
    answer = client.embeddings.create(model="feature-extraction", input=["a", "größer"], **how)
    assert [item.index for item in answer.data] == [0, 1]
    if how == {"encoding_format": "base64"}:
        import base64

        import numpy as np

        vectors = [np.frombuffer(base64.b64decode(item.embedding), "<f4").tolist() for item in answer.data]
    else:  # it asks for base64 if nothing is said, and decodes
        vectors = [item.embedding for item in answer.data]
    assert vectors == [VECTOR, VECTOR]
    assert answer.usage.prompt_tokens == 14
    assert answer.model == "feature-extraction"


def test_one_text(client: Any) -> None:
    assert client.embeddings.create(model="feature-extraction", input="a").data[0].embedding == VECTOR


def test_it_gets_the_models(client: Any) -> None:
    assert {model.id for model in client.models.list()} == {*one_of_each()}
    assert client.models.retrieve("fill-mask").task == "fill-mask"


@pytest.mark.parametrize(
    ("kind", "status", "model", "text"),
    [
        ("NotFoundError", 404, "gpt-4", "a"),
        ("UnprocessableEntityError", 422, "feature-extraction", ""),
        ("UnprocessableEntityError", 422, "feature-extraction", [[1, 2, 3]]),
    ],
)
def test_it_understands_errors(client: Any, kind: str, status: int, model: str, text: Any) -> None:
    with pytest.raises(getattr(openai, kind)) as raised:
        client.embeddings.create(model=model, input=text)
    assert raised.value.status_code == status
    assert raised.value.code in ("unknown_model", "invalid_input")


def test_it_needs_a_key(address: str) -> None:
    with (
        openai.OpenAI(base_url=address, api_key="another-key-than-that", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()


def test_the_asynchronous_one(address: str) -> None:
    async def ask() -> Any:
        async with openai.AsyncOpenAI(base_url=address, api_key=KEY, max_retries=0) as client:
            return await client.embeddings.create(model="feature-extraction", input=["a"])

    assert asyncio.run(ask()).data[0].embedding == VECTOR
