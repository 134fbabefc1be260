"""Both clients, one test for the two: what they send, and what they make of answers."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from encodery.client import (
    AsyncClient,
    Client,
    DeadlineError,
    DeniedError,
    InvalidInputError,
    Retries,
    ServiceError,
    UnavailableError,
    UnknownModelError,
)
from encodery.errors import UserError
from tests.client.conftest import QUICK, Server, answered, refusal

TASKS = {
    "classify": "text-classification",
    "entities": "token-classification",
    "answer": "question-answering",
    "fill_mask": "fill-mask",
    "translate": "translation",
}


@pytest.mark.parametrize(("method", "task"), TASKS.items())
def test_each_task_has_its_method(server: Server, method: str, task: str) -> None:
    record = {"question": "Wer?", "context": "Ada war es."}
    assert server.ask(method, [record, record]) == [{"label": ascii(record)}] * 2
    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", f"/v1/{task}")
    assert server.bodies() == [{"inputs": [record, record]}]


def test_any_task_can_be_asked_by_its_name(server: Server) -> None:
    assert server.ask("predict", "multiple-choice", ["a"]) == [{"label": "'a'"}]
    assert server.requests[0].url.path == "/v1/multiple-choice"
    assert server.ask("predict", "multiple-choice", "abc") == {"label": "'abc'"}
    assert server.ask("predict", "multiple-choice", {"text": "a"}) == {"label": "{'text': 'a'}"}


def test_vectors_come_in_the_order_of_the_texts(server: Server) -> None:
    vectors = server.ask("embed", ["größer", "a", ""])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[6, 0], [1, 1], [0, 2]]
    assert server.bodies() == [{"encoding_format": "base64", "input": ["größer", "a", ""]}]


def test_of_no_records_there_are_no_predictions_and_no_request(server: Server) -> None:
    assert server.ask("classify", []) == []
    assert server.ask("embed", []).shape == (0, 0)
    assert not server.requests


def test_models(server: Server) -> None:
    assert server.ask("models") == [{"id": "mood", "task": "text-classification"}]
    assert server.requests[0].method == "GET"


def test_ready(server: Server) -> None:
    assert server.ask("ready") is True
    server.replies.extend([refusal(503, "not_ready"), httpx.ConnectError("refused")])
    assert server.ask("ready") is False
    assert server.ask("ready") is False
    assert len(server.requests) == 3  # asked once each


@pytest.mark.parametrize("method", ["classify", "embed"])
def test_a_long_list_goes_in_parts(server: Server, method: str) -> None:
    texts = [f"{number}" * (1 + number % 7) for number in range(601)]
    found = server.ask(method, texts, request_id="mine")
    if method == "embed":
        assert found[:, 0].tolist() == [len(text) for text in texts]
    else:
        assert found == [{"label": ascii(text)} for text in texts]
    assert sorted(request.headers["x-request-id"] for request in server.requests) == ["mine", "mine-256", "mine-512"]


def test_a_part_has_no_more_records_than_it_is_told(server: Server) -> None:
    server.ask("classify", ["a"] * 7, client={"part_records": 3})
    assert sorted(len(body["inputs"]) for body in server.bodies()) == [1, 3, 3]


def test_a_part_has_no_more_bytes_than_it_may(server: Server) -> None:
    large = "x" * 300_000
    texts = ["y" * 100_000, "z" * 100_000, "a" * 100_000, large, "b"]
    assert server.ask("classify", texts) == [{"label": ascii(text)} for text in texts]
    sizes = sorted([len(text) for text in body["inputs"]] for body in server.bodies())
    assert sizes == [[1], [100_000], [100_000, 100_000], [300_000]]


def test_where_in_the_list_an_error_is(server: Server) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["inputs"]
        if "bad" in texts:
            return refusal(422, "invalid_input", field=f"/inputs/{texts.index('bad')}/text", hint="mend it")
        return answered(request)

    server.answered = answer
    with pytest.raises(InvalidInputError) as raised:
        server.ask("classify", ["good"] * 300 + ["bad"])
    assert raised.value.field == "/inputs/300/text"


def test_what_each_request_says_of_itself(server: Server) -> None:
    server.ask("classify", ["a"], client={"api_key": "secret", "model": "mood", "headers": {"X-Tenant": "seven"}})
    headers = server.requests[0].headers
    assert headers["authorization"] == "Bearer secret"
    assert headers["x-tenant"] == "seven"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("encodery/")
    assert len(headers["x-request-id"]) == 32
    assert 59_000 < int(headers["x-request-deadline-ms"]) <= 60_000
    assert server.bodies() == [{"model": "mood", "inputs": ["a"]}]


def test_what_is_said_with_a_call_goes_before_what_the_client_was_told(server: Server) -> None:
    server.ask("classify", ["a"], model="other", timeout=2.0, request_id="7", client={"model": "mood"})
    headers = server.requests[0].headers
    assert 1_000 < int(headers["x-request-deadline-ms"]) <= 2_000
    assert headers["x-request-id"] == "7"
    assert server.bodies()[0]["model"] == "other"


@pytest.mark.parametrize(
    "first",
    [
        lambda: refusal(429),
        lambda: refusal(503, "not_ready"),
        lambda: httpx.Response(502, text="<html>bad gateway</html>"),
        lambda: httpx.ConnectError("refused"),
        lambda: httpx.RemoteProtocolError("Server disconnected without sending a response."),
        lambda: httpx.ConnectTimeout("slow"),
    ],
    ids=["429", "503", "502", "refused", "dropped", "unreachable"],
)
def test_what_passes_is_asked_again(server: Server, first: Callable[[], httpx.Response | Exception]) -> None:
    server.replies.extend([first(), first()])
    assert server.ask("classify", ["a"]) == [{"label": "'a'"}]
    ids = {request.headers["x-request-id"] for request in server.requests}
    assert (len(server.requests), len(ids)) == (3, 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInputError),
        (401, DeniedError),
        (403, DeniedError),
        (404, UnknownModelError),
        (413, InvalidInputError),
        (415, InvalidInputError),
        (422, InvalidInputError),
        (500, ServiceError),
        (504, DeadlineError),
    ],
)
def test_what_does_not_pass_is_not_asked_again(server: Server, status: int, kind: type[ServiceError]) -> None:
    server.replies.append(
        refusal(status, "some_code", field="/inputs/0/text", limit=7, hint="do otherwise", request_id="r7")
    )
    with pytest.raises(ServiceError) as raised:
        server.ask("classify", ["a"])
    error = raised.value
    assert type(error) is kind
    assert (error.code, error.message, error.status) == ("some_code", "some_code!", status)
    assert (error.field, error.limit, error.hint) == ("/inputs/0/text", 7, "do otherwise")
    assert error.request_id == "r7"
    assert str(error) == "some_code!; do otherwise"
    assert not error.is_passing
    assert len(server.requests) == 1


def test_retries_end(server: Server) -> None:
    server.replies.extend([refusal(429, retry_after=1) for _ in range(7)])
    with pytest.raises(UnavailableError, match="overloaded!") as raised:
        server.ask("classify", ["a"])
    assert raised.value.is_passing
    assert len(server.requests) == 1 + QUICK.most


def test_a_wait_that_is_longer_than_the_timeout_is_not_begun(server: Server) -> None:
    server.replies.append(refusal(429, headers={"Retry-After": "30"}))
    began = time.monotonic()
    with pytest.raises(UnavailableError) as raised:
        server.ask("classify", ["a"], timeout=5.0)
    assert raised.value.retry_after == 30
    assert time.monotonic() - began < 4  # it would have been 5 at least


def test_no_answer_in_time(server: Server) -> None:
    server.replies.append(httpx.ReadTimeout("slow"))
    with pytest.raises(DeadlineError, match="no answer from /v1/text-classification within 3 s"):
        server.ask("classify", ["a"], timeout=3.0)
    with pytest.raises(DeadlineError):
        server.ask("classify", ["a"], timeout=0.0)
    assert len(server.requests) == 1


def test_the_body_of_an_answer_has_no_more_time_than_the_rest(server: Server) -> None:
    server.answered = lambda request: httpx.Response(200, stream=Dripping())
    with pytest.raises(DeadlineError, match=r"within 0\.1 s"):
        server.ask("classify", ["a"], timeout=0.1)


class Dripping(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A byte now and then; no single one is late."""

    def __iter__(self) -> Any:
        for _ in range(200):
            time.sleep(0.01)
            yield b" "

    async def __aiter__(self) -> Any:
        import asyncio

        for _ in range(200):
            await asyncio.sleep(0.01)
            yield b" "


@pytest.mark.parametrize("body", ["[]", "{}", "[{}, {}]", "1", '"a"', "no", "[" * 100_000])
def test_an_answer_that_is_none(server: Server, body: str) -> None:
    server.replies.append(httpx.Response(200, text=body, headers={"X-Request-Id": "r7"}))
    with pytest.raises(ServiceError, match=r"the answer of /v1/text-classification cannot be read") as raised:
        server.ask("classify", ["a"])
    assert (raised.value.code, raised.value.request_id) == ("bad_answer", "r7")


@pytest.mark.parametrize("vector", ["!", "AAA", 7, None])
def test_a_vector_that_is_none(server: Server, vector: Any) -> None:
    server.replies.append(httpx.Response(200, json={"data": [{"index": 0, "embedding": vector}]}))
    with pytest.raises(ServiceError, match="cannot be read"):
        server.ask("embed", ["a"])


def test_the_page_of_a_proxy_is_quoted(server: Server) -> None:
    server.replies.append(httpx.Response(500, text="<html>\n<h1>Oh no</h1>" + "x" * 1000))
    with pytest.raises(ServiceError, match=r"^HTTP 500: <html> <h1>Oh no</h1>x{279}$") as raised:
        server.ask("classify", ["a"])
    assert raised.value.code == "http"


def test_one_text_is_no_list_of_letters(server: Server) -> None:
    with pytest.raises(UserError, match=r"records = .*: a list of texts or records is needed, \[\.\.\.\] around one"):
        server.ask("classify", "a text")


@pytest.mark.parametrize("record", [{"text": b"bytes"}, {"text": float("nan")}, {"text": {1, 2}}], ids=repr)
def test_what_is_no_json_is_not_sent(server: Server, record: Any) -> None:
    with pytest.raises(UserError, match=r"records\[1\] = .*it must be a text or a dict of texts"):
        server.ask("classify", ["a", record])
    assert not server.requests


def test_a_lone_surrogate_is_for_the_server_to_judge(server: Server) -> None:
    server.ask("classify", ["größer", "\ud800"])
    assert server.requests[0].content == '{"inputs": ["größer","\\ud800"]}'.encode()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("base_url", ["", "localhost:8080", "ftp://server", "http://", "http://a:port"])
def test_an_address_that_is_none(kind: type[Client], base_url: str) -> None:
    with pytest.raises(UserError, match=r"base_url = .*: .*http://127\.0\.0\.1:8080 is needed"):
        kind(base_url)


def test_a_key_is_never_shown() -> None:
    with pytest.raises(UserError, match="line break at the end of a file") as raised:
        Client(api_key="secret\n")
    assert "secret" not in str(raised.value)
    with Client(api_key="hush-7", retries=Retries(most=0)) as client:
        assert "hush-7" not in repr(client._caller) + repr(client._caller.models())
        assert "hush-7" not in repr(list(client._caller.predict("fill-mask", ["a"], {})))


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
def test_a_timeout_that_is_none(timeout: float) -> None:
    with pytest.raises(UserError, match=r"timeout = .*: a number above zero is needed"):
        Client(timeout=timeout)


def test_the_path_of_an_address_is_kept(server: Server) -> None:
    with Client("https://host/encodery/", transport=httpx.MockTransport(server)) as client:
        client.models()
    assert str(server.requests[0].url) == "https://host/encodery/v1/models"


def test_the_first_error_stops_what_is_on_its_way() -> None:
    server = Server("async")
    server.replies.append(refusal(422, "invalid_input"))
    with pytest.raises(InvalidInputError):
        server.ask("classify", ["a"] * 2560, client={"parallel": 1})
    assert len(server.requests) == 1
