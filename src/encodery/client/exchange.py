"""One request with its retries, as a generator that says what to do next: written once, driven with and without
asyncio."""

import json
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from encodery.client.errors import DeadlineError, ServiceError, error_of
from encodery.client.retries import Draw, Retries, read_retry_after

Result = TypeVar("Result")


@dataclass(frozen=True)
class Reply:
    """An answer of whatever status; the names of `headers` are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Send:
    """Send this, and come back with the `Reply` or the error after so many seconds at the latest."""

    method: str
    path: str
    content: bytes | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout: float


@dataclass(frozen=True)
class Wait:
    """Come back after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Call(Generic[Result]):
    """A request, and how its answer is read."""

    method: str
    path: str
    read: Callable[[Any], Result]
    """The result from the answer's JSON; a `KeyError`, `TypeError` or `ValueError` if it is none."""
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 60.0
    """Seconds for all of it, retries included."""
    retries: Retries = field(default_factory=Retries)
    first: int = 0
    """The place of its first record in the list that the caller gave."""


Exchange = Generator[Send | Wait, Reply | ServiceError | None, Result]


def exchange(
    call: Call[Result], clock: Callable[[], float] = time.monotonic, draw: Draw = random.uniform
) -> Exchange[Result]:
    """What there is to do until the call has its result.

    Raises:
        ServiceError: it was refused for good, or too often, or what the server asks to wait is longer than what is
            left of the timeout: then at once.
    """
    end = clock() + call.timeout
    attempt = 0
    while True:
        left = end - clock()
        if left <= 0:
            raise DeadlineError("deadline", f"no answer from {call.path} within {call.timeout:g} s")
        headers = {**call.headers, "X-Request-Deadline-Ms": str(max(int(left * 1000), 1))}
        reply = yield Send(call.method, call.path, call.content, headers, left)
        assert reply is not None
        if isinstance(reply, Reply) and reply.status == 200:
            return _result(call, reply)
        error = reply if isinstance(reply, ServiceError) else _refusal(call, reply)
        wait = call.retries.wait(attempt, error.retry_after, draw)
        if not error.is_passing or attempt >= call.retries.most or clock() + wait >= end:
            raise error
        yield Wait(wait)
        attempt += 1


def _result(call: Call[Result], reply: Reply) -> Result:
    try:
        return call.read(json.loads(reply.body))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ServiceError(
            "bad_answer",
            f"the answer of {call.path} cannot be read ({type(error).__name__}: {error})"[:300],
            status=reply.status,
            hint="is that an Encodery server, of this version?",
            request_id=reply.headers.get("x-request-id"),
        ) from error


def _refusal(call: Call[Any], reply: Reply) -> ServiceError:
    text = reply.body.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    error = error_of(
        reply.status,
        body,
        text,
        reply.headers.get("x-request-id"),
        read_retry_after(reply.headers.get("retry-after")),
    )
    error.field = _shifted(error.field, call.first)
    return error


def _shifted(pointer: str | None, first: int) -> str | None:
    """`/inputs/3/text` of a part as it is in the whole list."""
    parts = (pointer or "").split("/")
    if len(parts) < 3 or parts[1] not in ("inputs", "input") or not parts[2].isdecimal():
        return pointer
    return "/".join([*parts[:2], str(int(parts[2]) + first), *parts[3:]])
