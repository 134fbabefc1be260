"""The load generator, against a server of a few lines."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from encodery.bench.clients import (
    NO_ANSWER,
    Answers,
    Request,
    answer,
    arrivals,
    closed_loop,
    connect,
    open_loop,
    whole_length,
)

REQUEST = Request("/classify", {"text": "gogo für"}, {"Authorization": "Bearer x"})


def said(status: int, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def answered(
    reply: Callable[[int], bytes], ask: Callable[[int], Awaitable[Any]], pause: float = 0.0
) -> tuple[Any, list[bytes]]:
    """What `ask` of the port came to, and the requests that arrived; an empty reply closes the connection."""
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                bodies.append(head + await reader.readexactly(length))
                given = reply(len(bodies))
                await asyncio.sleep(pause)
                if not given:
                    break
                for part in (given[:7], given[7:]):  # never whole at once
                    writer.write(part)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        result = await ask(server.sockets[0].getsockname()[1])
    return result, bodies


def test_requests_are_http() -> None:
    encoded = REQUEST.encode(8123)
    head, body = encoded.split(b"\r\n\r\n", 1)
    assert head.split(b"\r\n")[0] == b"POST /classify HTTP/1.1"
    assert b"Authorization: Bearer x" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"text": "gogo für"}


@pytest.mark.parametrize(
    ("received", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Len", None),
        (b"HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH:  7 \r\n\r\n", 53),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP", 41),
    ],
)
def test_the_length_of_an_answer(received: bytes, length: int | None) -> None:
    assert whole_length(received) == length


def test_an_answer_without_length_is_refused() -> None:
    with pytest.raises(AssertionError, match="states no length"):
        whole_length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_every_client_asks_again_and_again() -> None:
    answers, bodies = asyncio.run(
        answered(
            lambda count: said(200 if count % 3 else 429, b"{}"), lambda port: closed_loop(port, [REQUEST], 3, 0.2)
        )
    )
    assert answers.statuses[200] + answers.statuses[429] == len(bodies) > 6
    assert answers.statuses[429] == len(bodies) // 3
    assert len(answers.times) == answers.statuses[200]
    assert 0.2 <= answers.seconds < 2.0
    assert all(0 < seconds < 2.0 for seconds in answers.times)


def test_requests_take_turns() -> None:
    other = Request("/other", {"n": 1})
    _, bodies = asyncio.run(
        answered(lambda count: said(200, b"{}"), lambda port: closed_loop(port, [REQUEST, other], 1, 0.1))
    )
    assert [body.split(b" ")[1] for body in bodies[:4]] == [b"/classify", b"/other", b"/classify", b"/other"]


def test_a_closed_connection_is_counted_and_opened_again() -> None:
    answers, _ = asyncio.run(
        answered(
            lambda count: b"" if count == 2 else said(200, b"{}"), lambda port: closed_loop(port, [REQUEST], 1, 0.2)
        )
    )
    assert answers.statuses[NO_ANSWER] == 1
    assert answers.statuses[200] > 1


def test_a_server_that_is_gone_is_no_answer() -> None:
    async def ask() -> tuple[int, Answers]:
        connection = await connect(9)  # the discard port, where nobody listens
        return await connection.ask(b"x"), await closed_loop(9, [REQUEST], 2, 0.05)

    status, answers = asyncio.run(ask())
    assert status == NO_ANSWER
    assert set(answers.statuses) == {NO_ANSWER}
    assert answers.times == []


def test_an_open_loop_does_not_wait_for_answers() -> None:
    answers, bodies = asyncio.run(
        answered(lambda count: said(200, b"{}"), lambda port: open_loop(port, [REQUEST], 100.0, 0.3, seed=5), 0.2)
    )
    expected = len(list(arrivals(100.0, 0.3, seed=5)))
    assert answers.statuses == {200: expected}
    assert len(bodies) == expected
    assert min(answers.times) >= 0.2
    assert answers.seconds < 2.0  # one after the other would take six seconds


def test_arrivals_are_as_frequent_as_told_and_repeatable() -> None:
    times = list(arrivals(1000.0, 10.0, seed=3))
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert times == sorted(times)
    assert times == list(arrivals(1000.0, 10.0, seed=3))
    assert times != list(arrivals(1000.0, 10.0, seed=4))


@pytest.mark.parametrize("more", [{"concurrency": 2}, {"rate": 50.0}])
def test_orders_are_either_kind_of_loop(more: dict[str, Any]) -> None:
    order = {"port": 9, "requests": [{"path": "/x", "body": {}}], "seconds": 0.1, **more}
    report = json.loads(json.dumps(answer(order)))
    assert set(report) == {"times", "statuses", "seconds"}
    assert set(report["statuses"]) <= {"0"}
