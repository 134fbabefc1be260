"""uvicorn's protocol with what it lacks: a bound on how long a client may send, and on how much before its body."""

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from encodery.serve.problems import Problem
from encodery.serve.settings import Settings


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose requests arrive in time and with headers of a bounded size, or that is closed.

    The clock of a request runs from its first byte. A client who opens a connection and says nothing is closed after
    as long; between requests uvicorn's keep-alive runs.
    """

    settings: Settings

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse one connection too many, else start the clock."""
        self._clock: asyncio.TimerHandle | None = None
        self._write_clock: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._header_bytes = 0
        self._in_head = True
        self._is_receiving = False
        self._is_refused = False
        super().connection_made(transport)
        if len(self.connections) > self.settings.max_connections:
            self._refuse(
                Problem("not_ready", "too many connections", limit=self.settings.max_connections, retry_after=1.0)
            )
            return
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing runs on for a connection that is gone."""
        self._stop_clock()
        self.resume_writing()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse a head that does not end: what is parsed of it counts by itself (`on_header`)."""
        if self.parser is None or self.transport.is_closing():
            return
        was_in_head = self._in_head
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            self._check_head(self._head_bytes)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._header_bytes = 0
        self._in_head = self._is_receiving = True
        self._start_clock()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Counted with the headers."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of those before the body, or behind a body that came in chunks."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + len(b": \r\n"))

    def on_headers_complete(self) -> None:
        """From here on the application bounds what is read."""
        self._in_head = False
        self._head_bytes = 0
        if not self._is_refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Of a request that was taken."""
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has arrived."""
        self._is_receiving = False
        self._stop_clock()
        if not self._is_refused:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not take what is sent: not for long."""
        super().pause_writing()
        if self._write_clock is None:
            self._write_clock = self.loop.call_later(self.settings.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It took it."""
        super().resume_writing()
        if self._write_clock is not None:
            self._write_clock.cancel()
            self._write_clock = None

    def send_400_response(self, msg: str) -> None:
        """What was sent is no HTTP."""
        self._refuse(Problem("bad_request", "the request is not HTTP/1.1 as a server can read it"))

    def _count(self, size: int) -> None:
        self._header_bytes += size
        self._check_head(self._header_bytes)

    def _check_head(self, size: int) -> None:
        limit = self.settings.max_header_bytes
        if size > limit and not self._is_refused:
            self._refuse(Problem("headers_too_large", f"the headers are larger than {limit} bytes", limit=limit))

    def _start_clock(self) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(self.settings.receive_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        seconds = self.settings.receive_seconds
        self._refuse(Problem("timeout", f"the request did not arrive within {seconds:g} s", limit=seconds))

    def _refuse(self, problem: Problem) -> None:
        """Say why and close; say nothing where nothing was asked yet, or an answer has begun."""
        self._stop_clock()
        self._is_refused = True
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answering and (self._is_receiving or problem.code != "timeout"):
            self.transport.write(_plain(problem))
        self.transport.close()


def _plain(problem: Problem) -> bytes:
    """An answer that no application made, with the id of no request."""
    response = problem.response("")
    head = [STATUS_LINE[response.status_code]]
    head += [b"%b: %b\r\n" % header for header in response.raw_headers]
    return b"".join([*head, b"connection: close\r\n\r\n", bytes(response.body)])


def bounded(settings: Settings) -> type[BoundedProtocol]:
    """The protocol class for uvicorn's `http`, which makes its instances itself."""
    return type("BoundedProtocol", (BoundedProtocol,), {"settings": settings})
