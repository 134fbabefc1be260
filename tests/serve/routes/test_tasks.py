"""Records in, predictions out, as the worker wrote them."""

import json
from typing import Any

import pytest

from encodery.serve.answers import BadOutput, DeadlineExceeded, InvalidRecord, NotReady, Overloaded, Refusal
from tests.serve.fakes import PREDICTIONS, VERSION, FakeModel, ask, one_of_each, service_of

RECORDS: dict[str, Any] = {
    "text-classification": {"text": "Ada", "text_pair": "größer"},
    "token-classification": {"tokens": ["Ada", "Lovelace"]},
    "question-answering": {"question": "Who?", "context": "Ada"},
    "fill-mask": {"text": "the [MASK]"},
    "feature-extraction": "Ada",
    "translation": {"text": "size", "source_language": "en", "target_language": "de"},
    "multiple-choice": {"text": "Ada", "choices": ["a", "b"]},
}


@pytest.mark.parametrize("task", PREDICTIONS)
def test_one_record_and_a_list(task: str) -> None:
    models = one_of_each()
    service = service_of(models)
    alone = ask(service, f"/v1/{task}", {"inputs": RECORDS[task]})
    assert (alone.status, alone.json) == (200, PREDICTIONS[task])
    many = ask(service, f"/v1/{task}", {"inputs": [RECORDS[task]] * 3, "model": task})
    assert (many.status, many.json) == (200, [PREDICTIONS[task]] * 3)
    work = "embed" if task == "feature-extraction" else "predict"
    assert [asked[:2] for asked in models[task].asked] == [([RECORDS[task]], work), ([RECORDS[task]] * 3, work)]


def test_bytes_of_the_worker_are_not_touched() -> None:
    reply = ask(service_of(), "/v1/text-classification", {"inputs": "x"})
    assert "größer".encode() in reply.body
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-model-version"] == VERSION
    assert reply.headers["server-timing"].startswith(
        "queue;dur=1.00, tokenize;dur=2.00, infer;dur=13.00, decode;dur=0.50"
    )


def test_vectors_of_any_model_that_embeds() -> None:
    service = service_of({"names": FakeModel("names", "token-classification", embeds=True)})
    assert ask(service, "/v1/feature-extraction", {"inputs": "x"}).json == PREDICTIONS["feature-extraction"]


def test_the_model_is_named_where_there_are_several() -> None:
    service = service_of({name: FakeModel(name, "fill-mask") for name in ("a", "b")})
    reply = ask(service, "/v1/fill-mask", {"inputs": "x"})
    assert reply.status == 422
    assert reply.json["message"] == "2 models do fill-mask; which one is not said"
    assert (reply.json["field"], reply.json["hint"]) == ("/model", "name one of: a, b")
    assert ask(service, "/v1/fill-mask", {"inputs": "x", "model": "b"}).status == 200


@pytest.mark.parametrize(
    ("path", "name", "message", "hint"),
    [
        ("fill-mask", "c", "no model 'c'", "there is: a, b"),
        ("fill-mask", "b", "the model 'b' does question-answering, not fill-mask", "there is: a"),
        (
            "text-classification",
            None,
            "no model here does text-classification",
            "GET /v1/models lists what is served",
        ),
    ],
)
def test_a_model_that_is_not_there(path: str, name: str | None, message: str, hint: str) -> None:
    service = service_of({"a": FakeModel("a", "fill-mask"), "b": FakeModel("b", "question-answering")})
    reply = ask(service, f"/v1/{path}", {"inputs": "x"} | ({"model": name} if name else {}))
    assert reply.status == 404
    assert reply.json == {
        "code": "unknown_model",
        "message": message,
        "field": "/model",
        "limit": None,
        "hint": hint,
        "request_id": reply.headers["x-request-id"],
    }


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "/inputs", "a text, an object or a list of these is needed"),
        ({"inputs": None}, "/inputs", "a text, an object or a list of these is needed"),
        ({"inputs": 3}, "/inputs", "a text, an object or a list of these is needed"),
        ({"inputs": []}, "/inputs", "the list is empty; at least one record is needed"),
        ({"inputs": ["a", 3]}, "/inputs/1", "a record is a text or an object"),
        ({"inputs": ["a", ["b"]]}, "/inputs/1", "a record is a text or an object"),
        ({"inputs": ["a"] * 6}, "/inputs", "6 records; at most 5 are taken at once"),
        ({"inputs": "a" * 12}, "/inputs", "12 characters; at most 11 are read of a text"),
        ({"inputs": ["a", {"text": "a" * 12}]}, "/inputs/1/text", "12 characters; at most 11 are read of a text"),
        ({"inputs": {"tokens": ["a" * 6] * 2}}, "/inputs/tokens", "12 characters; at most 11 are read of a text"),
        ({"inputs": "a", "model": 3}, "/model", "the name of a model is a text"),
        ({"inputs": "a", "modle": "b"}, "/modle", "unknown key 'modle'"),
        ([], "", "the body is not a JSON object"),
    ],
)
def test_what_is_no_request(body: Any, field: str, message: str) -> None:
    service = service_of(max_inputs=5, max_characters=11)
    reply = ask(service, "/v1/token-classification", json.dumps(body).encode(), content_type="application/json")
    assert (reply.status, reply.json["code"]) == (422, "invalid_input")
    assert (reply.json["field"], reply.json["message"]) == (field, message)
    assert reply.json["hint"]


@pytest.mark.parametrize(
    ("refusal", "status", "code", "retry_after"),
    [
        (InvalidRecord("record 2: no text", place=1), 422, "invalid_input", None),
        (Overloaded("the queue is 1.4 s long", retry_after=1.2), 429, "overloaded", "2"),
        (NotReady("it is being restarted"), 503, "not_ready", "1"),
        (DeadlineExceeded("it cannot be met"), 504, "deadline", None),
        (BadOutput("record 1: not finite", place=0), 500, "model_output", None),
        (Refusal("a bug; the log says where"), 500, "internal", None),
    ],
)
def test_what_a_model_refuses(refusal: Refusal, status: int, code: str, retry_after: str | None) -> None:
    models = one_of_each()
    models["fill-mask"].refusal = refusal
    reply = ask(service_of(models), "/v1/fill-mask", {"inputs": ["a", "b"]})
    assert (reply.status, reply.json["code"], reply.json["message"]) == (status, code, str(refusal))
    assert reply.json["field"] == (None if refusal.place is None else f"/inputs/{refusal.place}")
    assert reply.headers.get("retry-after") == retry_after


def test_a_record_alone_has_no_number() -> None:
    models = one_of_each()
    models["fill-mask"].refusal = InvalidRecord("no mask", place=0)
    assert ask(service_of(models), "/v1/fill-mask", {"inputs": "a"}).json["field"] == "/inputs"


def test_models_that_are_being_loaded() -> None:
    service = service_of({})
    service.loading.add("a")
    for body in ({"inputs": "x"}, {"inputs": "x", "model": "a"}):
        reply = ask(service, "/v1/fill-mask", body)
        assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "not_ready", "1")
