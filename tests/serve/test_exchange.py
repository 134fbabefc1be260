"""What each answer tells of itself, and faults that become answers."""

import logging
from typing import Any

import pytest

from tests.serve.fakes import FakeModel, ask, call, service_of

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_request_id_comes_back() -> None:
    reply = ask(service_of(), "/v1/nothing", {}, x_request_id="abc-17:3")
    assert reply.headers["x-request-id"] == reply.json["request_id"] == "abc-17:3"


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "a\x7fb", "é"])
def test_a_request_id_that_is_none_is_replaced(given: str) -> None:
    first, second = (call(service_of(), "GET", "/health/live", None, {"x-request-id": given}) for _ in range(2))
    assert first.headers["x-request-id"] != given
    assert len({first.headers["x-request-id"], second.headers["x-request-id"]}) == 2


@pytest.mark.parametrize(
    ("given", "comes_back"),
    [
        (PARENT, True),
        (PARENT.replace("00-", "01-") + "-more", True),
        (PARENT.replace("00-", "ff-"), False),
        (PARENT.upper(), False),
        ("00-" + "0" * 32 + PARENT[35:], False),
        (PARENT[:36] + "0" * 16 + "-01", False),
        (PARENT[:-1], False),
        ("x", False),
    ],
)
def test_trace_context(given: str, comes_back: bool) -> None:
    headers = call(service_of(), "GET", "/health/live", None, {"traceparent": given}).headers
    assert headers.get("traceparent") == (given if comes_back else None)


def test_every_answer_is_safe() -> None:
    for method, path in (("GET", "/health/live"), ("GET", "/nothing"), ("PUT", "/v1/models"), ("GET", "/v1/models")):
        headers = call(service_of(), method, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert "total;dur=" in headers["server-timing"]


def test_a_path_that_is_not_there() -> None:
    reply = call(service_of(), "GET", "/v1/nothing")
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert call(service_of(), "GET", "/v1/models/").status == 404  # and no redirect


def test_another_method() -> None:
    reply = call(service_of(), "GET", "/v1/fill-mask")
    assert (reply.status, reply.json["code"], reply.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_a_fault_is_an_answer_without_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    model = FakeModel("m", "fill-mask")
    model.refusal = ValueError("it cannot read SECRET TEXT")
    with caplog.at_level(logging.ERROR, "encodery.serve"):
        reply = ask(service_of({"m": model}), "/v1/fill-mask", {"inputs": "SECRET TEXT"})
    assert (reply.status, reply.json["code"]) == (500, "internal")
    (record,) = caplog.records
    fields: dict[str, Any] = record.fields  # type: ignore[attr-defined]
    assert fields["error"][0] == "ValueError"
    assert any("fakes.py:" in place for place in fields["error"])
    assert "SECRET" not in repr(fields) + reply.body.decode()
