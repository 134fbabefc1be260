"""A request with its answer: the ids, times and counts that every route adds to, told in headers, metrics and log."""

import asyncio
import re
import secrets
import time
import traceback
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from encodery.serve.answers import Answer
from encodery.serve.problems import CLIENT_GONE, ClientGone, Problem

_KEY = "encodery.exchange"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:@/+=-]{1,128}")
_TRACE_PARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{1,200})?"
)
_SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
"""Headers of every answer that does not set its own."""


class Exchange:
    """One request and what became of it."""

    __slots__ = (
        "code",
        "headers",
        "key",
        "method",
        "model",
        "num_inputs",
        "num_tokens",
        "num_truncated",
        "phases",
        "problem_at",
        "request_id",
        "started",
        "status",
        "task",
        "total",
        "traceparent",
        "version",
        "wall",
    )

    def __init__(self, method: str, headers: Mapping[bytes, bytes]) -> None:
        self.started = time.monotonic()
        self.wall = time.time()
        self.method = method
        self.headers = headers
        given = headers.get(b"x-request-id", b"")
        self.request_id = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        parent = headers.get(b"traceparent", b"")
        self.traceparent = parent if _TRACE_PARENT.fullmatch(parent) else b""
        self.status = 0
        self.total = 0.0
        """Seconds, once it is over."""
        self.code = ""
        """Of the error, if it was refused."""
        self.key = ""
        self.model = ""
        self.task = ""
        self.version = ""
        self.num_inputs = self.num_tokens = self.num_truncated = 0
        self.phases: Mapping[str, float] = {}
        self.problem_at: list[str] = []
        """Where in the code a fault was: files and lines, never values."""

    def add(self, answer: Answer) -> None:
        """What a model said of its answer."""
        self.version = answer.version
        self.num_tokens = answer.num_tokens
        self.num_truncated = answer.num_truncated
        self.phases = answer.seconds  # type: ignore[assignment]  # keys that are a Literal

    def told(self) -> list[tuple[bytes, bytes]]:
        """The headers of the answer that tell of it."""
        told = [(b"x-request-id", self.request_id.encode())]
        if self.traceparent:
            told.append((b"traceparent", self.traceparent))
        if self.version:
            told.append((b"x-model-version", self.version.encode()))
        times = [f"{phase};dur={seconds * 1e3:.2f}" for phase, seconds in self.phases.items()]
        times.append(f"total;dur={(time.monotonic() - self.started) * 1e3:.2f}")
        told.append((b"server-timing", ", ".join(times).encode()))
        return told


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that a request is part of."""
    exchange: Exchange = scope[_KEY]
    return exchange


class Exchanges:
    """Begins an exchange for each request to `app`, and tells of it when it is over.

    The outermost of all: a fault of the code becomes an answer here, too.
    """

    def __init__(
        self, app: ASGIApp, is_draining: Callable[[], bool], over: Callable[[Exchange, Scope], None]
    ) -> None:
        """When the server `is_draining`, connections close with their answers; `over` is told of each exchange."""
        self.app = app
        self.is_draining = is_draining
        self.over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = scope[_KEY] = Exchange(scope["method"], dict(scope["headers"]))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = message["headers"] = [*message.get("headers", ()), *exchange.told()]
                named = {name for name, _ in headers}
                headers += [header for header in _SAFE if header[0] not in named]
                if self.is_draining():
                    headers.append((b"connection", b"close"))
            await send(message)

        try:
            await self._run(scope, receive, tell, exchange)
        finally:
            exchange.total = time.monotonic() - exchange.started
            # soon, not now: the loop writes to sockets when its turn ends, and the answer need not wait for the log
            asyncio.get_running_loop().call_soon(self.over, exchange, scope)

    async def _run(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientGone:
            exchange.code, exchange.status = "client_gone", CLIENT_GONE
        except Exception as error:
            # a message may quote a text, so of the error only its kind and place are kept
            exchange.problem_at = [type(error).__name__, *_places(error)]
            exchange.code = "internal"
            if exchange.status:
                raise
            await Problem("internal", "the server failed").response(exchange.request_id)(scope, receive, send)


def _places(error: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
