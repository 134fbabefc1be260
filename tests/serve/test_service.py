"""Deadlines and clients who leave."""

import asyncio
import time
from typing import Any

import pytest

from encodery.serve.app import create_app
from encodery.serve.service import unless_gone
from tests.serve.fakes import JSON, FakeModel, ask, call, send, service_of

BODY = b'{"inputs": ["a", "b"]}'


@pytest.mark.parametrize(("header", "seconds"), [(None, 60.0), ("1500", 1.5), ("999999999", 60.0)])
def test_the_deadline_that_a_model_gets(header: str | None, seconds: float) -> None:
    model = FakeModel("m", "fill-mask")
    before = time.monotonic()
    headers = {} if header is None else {"x_request_deadline_ms": header}
    assert ask(service_of({"m": model}), "/v1/fill-mask", {"inputs": "a"}, **headers).status == 200
    ((_, _, deadline),) = model.asked
    assert deadline is not None
    assert before + seconds <= deadline <= time.monotonic() + seconds


@pytest.mark.parametrize("header", ["", "0", "-1", "1.5", "soon", "1000000000", "٣"])
def test_deadlines_that_are_none(header: str) -> None:
    headers = {"x-request-deadline-ms": header.encode().decode("latin-1")}
    reply = call(service_of(), "POST", "/v1/fill-mask", {"inputs": "a"}, headers)
    assert (reply.status, reply.json["field"]) == (422, "X-Request-Deadline-Ms")


def test_a_model_that_does_not_keep_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encodery.serve.service._SLACK_SECONDS", 0.01)
    model = FakeModel("m", "fill-mask", seconds=30.0)
    reply = ask(service_of({"m": model}), "/v1/fill-mask", {"inputs": "a"}, x_request_deadline_ms="20")
    assert (reply.status, reply.json["code"]) == (504, "deadline")
    assert model.num_cancelled == 1


def test_a_client_who_leaves() -> None:
    model = FakeModel("m", "fill-mask", seconds=30.0)
    service = service_of({"m": model})
    began = time.monotonic()
    reply = asyncio.run(send(create_app(service), "POST", "/v1/fill-mask", BODY, JSON, leave_after=0.03))
    assert reply is None
    assert model.num_cancelled == 1
    assert time.monotonic() - began < 5
    text = service.metrics.text().decode()
    assert 'enc_abandoned_total{model="m",task="fill-mask"} 1.0' in text
    assert 'enc_requests_in_progress{model="m",task="fill-mask"} 0.0' in text
    assert 'status="499"' in text


def test_a_client_who_leaves_while_it_sends() -> None:
    service = service_of()
    headers = {**JSON, "content-length": str(len(BODY))}

    async def run() -> Any:
        app = create_app(service)
        messages = [{"type": "http.request", "body": BODY[:5], "more_body": True}, {"type": "http.disconnect"}]

        async def receive() -> Any:
            return messages.pop(0)

        sent: list[Any] = []

        async def take(message: Any) -> None:
            sent.append(message)

        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": "/v1/fill-mask", "headers": raw, "query_string": b""}
        await app(scope, receive, take)
        return sent

    assert asyncio.run(run()) == []


def test_being_cancelled_is_not_the_client_leaving() -> None:
    async def run() -> None:
        async def never() -> Any:
            await asyncio.Event().wait()

        task = asyncio.create_task(unless_gone(never, never()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_nothing_is_left_behind() -> None:
    async def run() -> int:
        app = create_app(service_of())
        for _ in range(7):
            reply = await send(app, "POST", "/v1/fill-mask", BODY, JSON)
            assert reply is not None
            assert reply.status == 200
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1
