"""A line of JSON for each request; no text, no key, no URL in any."""

import asyncio
import io
import json
import logging
import sys

import pytest

from encodery.serve.logs import JsonLines, line_of, log_to
from tests.serve.fakes import FakeModel, call, service_of

KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    for name in ("encodery.serve", "uvicorn"):
        logger = logging.getLogger(name)
        for attribute in ("handlers", "propagate", "level"):
            monkeypatch.setattr(logger, attribute, getattr(logger, attribute))
    log_to(stream)
    return stream


def test_a_request(stream: io.StringIO) -> None:
    service = service_of(keys=KEY).__class__(
        {"m": FakeModel("m", "fill-mask")},
        service_of().settings.model_copy(update={"log_requests": True}),
        service_of(keys=KEY).keys,
    )
    headers = {
        "authorization": f"Bearer {KEY}",
        "x-request-id": "abc",
        "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
        "user-agent": "SECRET",
    }
    call(service, "POST", "/v1/fill-mask?SECRET=1", {"inputs": ["SECRET", "SECRET"]}, headers)
    call(service, "GET", "/SECRET", None, headers)
    call(service, "POST", "/v1/fill-mask", {"inputs": "SECRET", "model": "SECRET"}, headers)
    call(service, "POST", "/v1/fill-mask", b'{"SECRET": SECRET}', {"content-type": "application/json"} | headers)
    logging.getLogger("encodery.serve").handlers[0].flush()
    text = stream.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    first = lines[0]
    assert first.pop("time").endswith("+00:00")
    assert first.pop("ms").keys() == {"total", "queue", "tokenize", "infer", "decode"}
    assert first == {
        "level": "info",
        "event": "request",
        "request_id": "abc",
        "method": "POST",
        "route": "/v1/fill-mask",
        "status": 200,
        "trace_id": TRACE,
        "model": "m",
        "version": "4f1d0c92aa31be07",
        "key": "environment-1",
        "inputs": 2,
        "tokens": 14,
        "truncated": 1,
    }
    assert [(line["status"], line["code"], line["route"]) for line in lines[1:]] == [
        (404, "not_found", ""),
        (404, "unknown_model", "/v1/fill-mask"),
        (400, "bad_json", "/v1/fill-mask"),
    ]
    assert "SECRET" not in text
    assert KEY not in text


def test_of_an_error_only_its_places() -> None:
    try:
        raise ValueError("SECRET")
    except ValueError:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "Exception", None, sys.exc_info())
    line = json.loads(line_of(record))
    assert line["error"][0] == "ValueError"
    assert "test_logs.py" in line["error"][1]
    assert "SECRET" not in json.dumps(line)


def test_lines_wait_for_each_other() -> None:
    stream = io.StringIO()
    handler = JsonLines(stream)
    record = logging.LogRecord("encodery.serve", logging.INFO, "", 0, "one", None, None)
    error = logging.LogRecord("encodery.serve", logging.ERROR, "", 0, "two", None, None)

    async def run() -> None:
        handler.emit(record)
        assert stream.getvalue() == ""
        await asyncio.sleep(0.15)
        assert stream.getvalue().count("\n") == 1
        handler.emit(record)
        handler.emit(error)  # this one may be the last
        assert stream.getvalue().count("\n") == 3

    asyncio.run(run())
    handler.emit(record)
    assert stream.getvalue().count("\n") == 4
