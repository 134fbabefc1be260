"""The server's log: a JSON object a line, of what happened and never of what was said: no text, no key, no URL."""

import asyncio
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

import orjson

from encodery.serve.exchange import Exchange

LOGGER = logging.getLogger("encodery.serve")
_FLUSH_SECONDS = 0.1


@runtime_checkable
class Stream(Protocol):
    """Where the log goes."""

    def write(self, text: str, /) -> int:
        """Take some of it."""

    def flush(self) -> None:
        """Let it be seen."""


class JsonLines(logging.Handler):
    """Writes records as JSON lines, those of a tenth of a second at once.

    What a record has as `extra={"fields": {...}}` stands beside `time`, `level` and `event`. Of an exception only its
    kind and its places in the code are written: its message may quote what a caller sent.
    """

    def __init__(self, stream: Stream | None = None) -> None:
        super().__init__()
        self.stream = stream or sys.stderr
        self._waiting: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; without a running loop, and for errors, write at once."""
        self._waiting.append(line_of(record))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is None or record.levelno >= logging.ERROR:
            self.flush()
        elif self._timer is None:
            self._timer = loop.call_later(_FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._waiting = self._waiting, []
        if lines:
            self.stream.write(b"".join(lines).decode())
            self.stream.flush()


def line_of(record: logging.LogRecord) -> bytes:
    """A log record as a line of JSON."""
    line = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": record.getMessage(),
        **getattr(record, "fields", {}),
    }
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
        line["error"] = [type(error).__name__, *places]
    return orjson.dumps(line, default=str) + b"\n"


def log_to(stream: Stream | None = None) -> JsonLines:
    """Send the server's log, and that of uvicorn, to a stream; standard error if not given."""
    handler = JsonLines(stream)
    for name in ("encodery.serve", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        # what uvicorn warns of are faults of clients: any of them could fill the log
        logger.setLevel(logging.INFO if name == "encodery.serve" else logging.ERROR)
    return handler


def log_exchange(exchange: Exchange, route: str) -> None:
    """A line for a request and its answer."""
    fields = {
        "request_id": exchange.request_id,
        "method": exchange.method,
        "route": route,
        "status": exchange.status,
        "ms": {"total": round(exchange.total * 1e3, 3)}
        | {phase: round(seconds * 1e3, 3) for phase, seconds in exchange.phases.items()},
    }
    fields |= {
        name: value
        for name, value in (
            ("trace_id", exchange.traceparent[3:35].decode()),
            ("code", exchange.code),
            ("model", exchange.model),
            ("version", exchange.version),
            ("key", exchange.key),
            ("inputs", exchange.num_inputs),
            ("tokens", exchange.num_tokens),
            ("truncated", exchange.num_truncated),
            ("error", exchange.problem_at),
        )
        if value
    }
    level = logging.ERROR if exchange.code in ("internal", "model_output") else logging.INFO
    if LOGGER.isEnabledFor(level):
        record = logging.LogRecord(LOGGER.name, level, "", 0, "request", None, None)
        record.fields = fields
        LOGGER.handle(record)  # `LOGGER.log` would look for the place of this call, at half of the cost of all
