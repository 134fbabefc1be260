"""The official client gets vectors; what it may send and we do not do is refused in words."""

import asyncio
import base64
from array import array
from typing import Any

import httpx
import openai
import pytest

from encodery.serve.app import create_app
from tests.serve.fakes import HIDDEN, VERSION, FakeModel, ask, call, one_of_each, service_of

VECTOR = [0.5, -1.0, 2.0]


def client_of(keys: str = "", key: str = "none", **settings: Any) -> openai.AsyncOpenAI:
    app = create_app(service_of(keys=keys, **settings))
    transport = httpx.ASGITransport(app)
    http = httpx.AsyncClient(transport=transport, base_url="http://localhost")
    return openai.AsyncOpenAI(base_url="http://localhost/v1", api_key=key, http_client=http, max_retries=0)


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_the_official_client(encoding: Any) -> None:
    key = "a-key-of-some-length"
    chosen = {} if encoding is None else {"encoding_format": encoding}

    async def run() -> Any:
        async with client_of(key, key) as client:
            return await client.embeddings.create(model="feature-extraction", input=["a", "b"], **chosen)

    answer = asyncio.run(run())
    assert [item.index for item in answer.data] == [0, 1]
    vectors = [
        [*array("f", base64.b64decode(item.embedding))] if encoding == "base64" else item.embedding
        for item in answer.data
    ]
    assert vectors == [VECTOR, VECTOR]
    assert answer.model == "feature-extraction"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (14, 14)


def test_the_official_client_lists_models() -> None:
    async def run() -> tuple[list[str], Any]:
        async with client_of() as client:
            return [model.id async for model in client.models.list()], await client.models.retrieve("fill-mask")

    names, one = asyncio.run(run())
    assert names == [*one_of_each()]
    assert (one.id, one.owned_by, one.task, one.version) == ("fill-mask", "encodery", "fill-mask", VERSION)


def test_the_official_client_tells_why() -> None:
    async def run() -> None:
        async with client_of("a-key-of-some-length", "another-key-altogether") as client:
            await client.embeddings.create(model="feature-extraction", input="a")

    with pytest.raises(openai.AuthenticationError) as caught:
        asyncio.run(run())
    assert caught.value.code == "unauthorized"
    assert caught.value.request_id


def test_one_text() -> None:
    models = one_of_each()
    reply = ask(service_of(models), "/v1/embeddings", {"input": "a"})
    assert reply.json["data"] == [{"object": "embedding", "index": 0, "embedding": VECTOR}]
    assert models["feature-extraction"].asked[0][:2] == (["a"], "embed")


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"input": []}, "/input", "the list is empty; at least one record is needed"),
        ({"input": ""}, "/input", "the text is empty"),
        ({"input": ["a", ""]}, "/input/1", "the text is empty"),
        ({"input": [3, 5]}, "/input", "token ids are not taken: each model has its own tokenizer"),
        ({"input": [[3, 5]]}, "/input", "token ids are not taken: each model has its own tokenizer"),
        ({"input": [{"text": "a"}]}, "/input/0", "a text is needed"),
        ({"input": "a", "encoding_format": "int8"}, "/encoding_format", "float or base64 is needed"),
        ({"input": "a", "encoding_format": ["float"]}, "/encoding_format", "float or base64 is needed"),
        ({"input": "a", "dimensions": 2}, "/dimensions", "this model's vectors have 3 numbers; others are not made"),
        (
            {"input": "a", "dimensions": True},
            "/dimensions",
            "this model's vectors have 3 numbers; others are not made",
        ),
        ({"input": "a", "inputs": "b"}, "/inputs", "unknown key 'inputs'"),
    ],
)
def test_what_is_no_request(body: Any, field: str, message: str) -> None:
    reply = ask(service_of(), "/v1/embeddings", body)
    assert (reply.status, reply.json["field"], reply.json["message"]) == (422, field, message)


def test_the_models_own_dimensions() -> None:
    assert ask(service_of(), "/v1/embeddings", {"input": "a", "dimensions": HIDDEN}).status == 200


def test_models_and_limits() -> None:
    models = {"a": FakeModel("a", "fill-mask")}
    models["a"].is_ready = False
    listed = call(service_of(models, max_inputs=5), "GET", "/v1/models").json
    assert [(model["id"], model["is_ready"]) for model in listed["data"]] == [("a", False)]
    assert listed["limits"]["max_inputs"] == 5
    assert listed["loading"] == []


def test_models_that_are_being_loaded_are_named() -> None:
    service = service_of({"a": FakeModel("a", "fill-mask")})
    service.loading |= {"c", "b"}
    listed = call(service, "GET", "/v1/models").json
    assert [model["id"] for model in listed["data"]] == ["a"]
    assert listed["loading"] == ["b", "c"]


@pytest.mark.parametrize(("name", "status", "code"), [("b", 503, "not_ready"), ("c", 404, "unknown_model")])
def test_a_model_that_cannot_be_told_of(name: str, status: int, code: str) -> None:
    service = service_of()
    service.loading.add("b")
    reply = call(service, "GET", f"/v1/models/{name}")
    assert (reply.status, reply.json["code"]) == (status, code)
