"""A load generator: many clients of one server in one process, over plain sockets, so that it takes little CPU.

As a process (`python -m encodery.bench.clients`) it reads orders and writes reports, a JSON line each.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, cast

HOST = "127.0.0.1"
NO_ANSWER = 0
"""Counted as a status where a connection was refused or closed before the answer."""


@dataclass(frozen=True)
class Request:
    """What one client asks."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self, port: int) -> bytes:
        """As it is sent."""
        body = json.dumps(self.body).encode()
        lines = [f"POST {self.path} HTTP/1.1", f"Host: {HOST}:{port}", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Answers:
    """What came back."""

    times: list[float] = field(default_factory=list)
    """Seconds of each answer with status 200, a new connection included where one was needed."""
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        if status == 200:
            self.times.append(seconds)


class Connection(asyncio.Protocol):
    """One connection; asks one thing at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._needed: int | None = None
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> int:
        """The status of the answer, once all of it is here; `NO_ANSWER` if there is none."""
        if self._transport is None or self._transport.is_closing():
            return NO_ANSWER
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._needed is None:
            self._needed = whole_length(self._received)
        if self._needed is not None and len(self._received) >= self._needed:
            status = int(self._received[9:12])
            del self._received[: self._needed]
            self._needed = None
            self._end(status)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(NO_ANSWER)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _end(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)


def whole_length(received: bytes | bytearray) -> int | None:
    """Bytes of an answer with its headers; None as long as these are not all here. It must state its length."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    place = head.find(b"\r\ncontent-length:")
    assert place >= 0, f"the answer states no length: {head[:200]!r}"
    stated = head[place + 17 :].split(b"\r\n", 1)[0]
    return end + 4 + int(stated)


async def connect(port: int) -> Connection:
    """A new connection; one that is refused is closed from the beginning."""
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(Connection, HOST, port)
    except OSError:
        return Connection()
    return connection


async def closed_loop(port: int, requests: Sequence[Request], concurrency: int, seconds: float) -> Answers:
    """So many clients, each of which asks again as soon as it is answered."""
    answers = Answers()
    asked = cycle([request.encode(port) for request in requests])
    start = time.perf_counter()

    async def client() -> None:
        connection = await connect(port)
        while (now := time.perf_counter()) < start + seconds:
            if not connection.is_open:
                connection = await connect(port)
            status = await connection.ask(next(asked))
            answers.add(status, time.perf_counter() - now)
            if status == NO_ANSWER:  # do not spin on a server that is gone
                await asyncio.sleep(0.01)
        connection.close()

    await asyncio.gather(*(client() for _ in range(concurrency)))
    answers.seconds = time.perf_counter() - start
    return answers


async def open_loop(port: int, requests: Sequence[Request], rate: float, seconds: float, seed: int = 0) -> Answers:
    """Requests at random times, so many a second on average, whether or not the others are answered yet."""
    answers = Answers()
    asked = cycle([request.encode(port) for request in requests])
    idle: list[Connection] = []
    open_: set[asyncio.Task[None]] = set()
    start = time.perf_counter()

    async def one() -> None:
        asked_at = time.perf_counter()
        connection = next(_usable(idle), None) or await connect(port)
        answers.add(await connection.ask(next(asked)), time.perf_counter() - asked_at)
        idle.append(connection)

    for offset in arrivals(rate, seconds, seed):
        if (wait := start + offset - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one())
        open_.add(task)
        task.add_done_callback(open_.discard)
    await asyncio.gather(*open_)
    for connection in idle:
        connection.close()
    answers.seconds = time.perf_counter() - start
    return answers


def arrivals(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Times of a Poisson process."""
    draw = random.Random(seed)
    now = draw.expovariate(rate)
    while now < seconds:
        yield now
        now += draw.expovariate(rate)


def _usable(idle: list[Connection]) -> Iterator[Connection]:
    while idle:
        connection = idle.pop()
        if connection.is_open:
            yield connection


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """Carry out an order: the arguments of `closed_loop`, or with a `rate` those of `open_loop`."""
    requests = [Request(**request) for request in order.pop("requests")]
    loop = open_loop(requests=requests, **order) if "rate" in order else closed_loop(requests=requests, **order)
    answers = _run(loop)
    return {"times": answers.times, "statuses": dict(answers.statuses), "seconds": answers.seconds}


def _run(loop: Any) -> Answers:
    try:
        import uvloop
    except ImportError:
        answers: Answers = asyncio.run(loop)
    else:
        answers = uvloop.run(loop)
    return answers


def main(orders: Iterable[str]) -> None:
    """Answer orders until they end."""
    print(json.dumps({}), flush=True)
    for line in orders:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.stdin)
