"""Connections as clients with bad manners use them; over real sockets."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from encodery.serve.running import configure
from encodery.serve.service import Service
from tests.serve.fakes import FakeModel, service_of

BODY = b'{"inputs": "a"}'
HEAD = b"POST /v1/fill-mask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
REQUEST = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[int]:
    """The service at a port of this machine."""
    server = uvicorn.Server(configure(service))
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    running = asyncio.create_task(server._serve([listener]))
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await running


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


def talk(talk: Talk, **settings: Any) -> Any:
    """What comes of a connection."""

    async def run() -> Any:
        async with served(service_of(**settings)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await asyncio.wait_for(talk(reader, writer), 10)
            finally:
                writer.close()

    return asyncio.run(run())


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """The next answer on a connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


def test_a_connection_is_kept() -> None:
    async def two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[int]:
        statuses = []
        for _ in range(2):
            writer.write(REQUEST)
            statuses.append((await answer(reader))[0])
            await asyncio.sleep(0.3)  # longer than a request may take
        return statuses

    assert talk(two, receive_seconds=0.2) == [200, 200]


def test_one_that_says_nothing_is_closed() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        return await reader.read()

    assert talk(silent, receive_seconds=0.1) == b""


@pytest.mark.parametrize("sent", [HEAD, HEAD + b"Content-Length: 15\r\n\r\n"], ids=["headers", "body"])
def test_a_slow_one_is_told_and_closed(sent: bytes) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        for byte in sent:
            writer.write(bytes([byte]))
        for _ in range(4):
            await asyncio.sleep(0.05)
            writer.write(b"x" if sent is HEAD else b" ")
        found = await answer(reader)
        assert await reader.read() == b""
        return found

    status, headers, body = talk(slow, receive_seconds=0.15)
    assert (status, headers["connection"]) == (408, "close")
    assert json.loads(body)["message"] == "the request did not arrive within 0.15 s"


def test_a_slow_one_on_a_connection_that_was_used() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(REQUEST)
        assert (await answer(reader))[0] == 200
        writer.write(HEAD)
        return (await answer(reader))[0]

    assert talk(slow, receive_seconds=0.1) == 408


@pytest.mark.parametrize("upgrade", [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"], ids=["plain", "upgrade"])
def test_nothing_is_said_unasked(upgrade: bytes) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(LIVE[:-2] + upgrade + b"\r\n")
        assert (await answer(reader))[0] == 200
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        return b""

    assert talk(wait, receive_seconds=0.1) == b""


def test_the_clock_does_not_run_while_the_model_thinks() -> None:
    async def run() -> int:
        service = service_of({"m": FakeModel("m", "fill-mask", seconds=0.3)}, receive_seconds=0.1)
        async with served(service) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            status = (await answer(reader))[0]
            writer.close()
            return status

    assert asyncio.run(run()) == 200


@pytest.mark.parametrize("head", [b"a" * 700, b"X-A: b\r\n" * 100, b""], ids=["long", "many", "url"])
def test_headers_without_end(head: bytes) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        told = asyncio.create_task(answer(reader))
        writer.write(LIVE[:-2] + b"X-A: " if head else b"GET /")
        while not told.done():
            writer.write(head or b"a" * 700)
            await asyncio.sleep(0.02)
        return await told

    status, _, body = talk(endless, max_header_bytes=2000)
    assert (status, json.loads(body)["code"]) == (431, "headers_too_large")


LARGE = b"X-A: %b\r\n" % (b"a" * 1000)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\nf\r\n" + BODY + b"\r\n0\r\n"


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (LIVE[:-2] + LARGE + b"\r\n", [200]),
        (LIVE[:-2] + LARGE * 2 + b"\r\n", [431]),
        (HEAD + LARGE * 2 + b"Content-Length: 15\r\n\r\n" + BODY, [431]),
        (b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 2100), [431]),
        (LIVE, [200]),
        (LIVE[:-2] + LARGE * 2 + b"\r\n" + LIVE, [431]),
        (CHUNKED + b"\r\n", [200]),
        (CHUNKED + LARGE * 3, [431]),
    ],
    ids=["within", "many", "body", "url", "none", "pipelined", "chunks", "trailers"],
)
def test_headers_in_one_piece(sent: bytes, statuses: list[int]) -> None:
    """They are counted however they arrive, on a connection that was used, too; nothing behind them is read."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[int]:
        writer.write(LIVE)
        assert (await answer(reader))[0] == 200
        writer.write(sent)
        status, headers, _ = await answer(reader)
        if status == 431:
            assert headers["connection"] == "close"
            assert await reader.read() == b""
        return [status]

    assert talk(once, max_header_bytes=2000) == statuses


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost : localhost\r\n\r\n",
    ],
)
def test_what_is_no_http(sent: bytes) -> None:
    async def wrong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        writer.write(sent)
        return await answer(reader)

    status, headers, body = talk(wrong)
    assert (status, headers["connection"]) == (400, "close")
    assert json.loads(body)["code"] == "bad_request"


def test_a_large_body_is_refused_before_it_is_sent() -> None:
    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: 52428800\r\n\r\n")
        found = await answer(reader)
        assert await reader.read() == b""
        return found

    assert talk(large)[0] == 413


def test_a_large_body_in_small_pieces_is_not_kept() -> None:
    async def large(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        try:
            while sent < 3_000 and not reader.at_eof():
                writer.write(b"1\r\n \r\n" * 100)
                await writer.drain()
                sent += 100
        except ConnectionError:
            pass
        return (await answer(reader))[0]

    assert talk(large, max_body_bytes=997) == 413


def test_one_connection_too_many() -> None:
    async def run() -> Any:
        async with served(service_of(max_connections=3)) as port:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            refused = await answer(reader)
            held[0][1].write(LIVE)
            assert (await answer(held[0][0]))[0] == 200
            for _, one in [*held, (reader, writer)]:
                one.close()
            return refused

    status, headers, body = asyncio.run(run())
    assert (status, headers["retry-after"], json.loads(body)["limit"]) == (503, "1", 3)


def test_a_client_who_does_not_read_is_dropped() -> None:
    async def run() -> float:
        service = service_of({"m": FakeModel("m", "fill-mask")}, send_seconds=0.2)
        async with served(service) as port:
            unread = socket.create_connection(("127.0.0.1", port))
            unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            unread.setblocking(False)
            large = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400
            loop = asyncio.get_running_loop()
            began = time.monotonic()

            async def ask_on() -> None:
                while True:
                    await loop.sock_sendall(unread, large)
                    await asyncio.sleep(0.05)

            with pytest.raises(ConnectionError):
                await asyncio.wait_for(ask_on(), 8)
            unread.close()
            return time.monotonic() - began

    assert asyncio.run(run()) < 8


def test_a_client_who_closes_is_not_computed_for() -> None:
    async def run() -> int:
        model = FakeModel("m", "fill-mask", seconds=30.0)
        async with served(service_of({"m": model})) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            while not model.asked:
                await asyncio.sleep(0.01)
            writer.close()
            while not model.num_cancelled:
                await asyncio.sleep(0.01)
            return model.num_cancelled

    assert asyncio.run(asyncio.wait_for(run(), 10)) == 1
