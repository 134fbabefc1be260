"""Between what the two clients say and what httpx does."""

from collections.abc import Mapping

import httpx

from encodery.client.errors import DeadlineError, ServiceError, UnavailableError
from encodery.client.exchange import Reply, Send
from encodery.errors import UserError

LONGEST_CONNECT = 5.0
"""Seconds for a connection; who does not answer within these may answer the next time."""


def checked_url(base_url: str) -> str:
    """The address of a server.

    Raises:
        UserError: it is none.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise UserError(f"base_url = {base_url!r:.80}: {error}; such as http://127.0.0.1:8080 is needed") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise UserError(f"base_url = {base_url!r:.80}: such as http://127.0.0.1:8080 is needed")
    return base_url


def timeouts(step: Send) -> httpx.Timeout:
    """How long httpx waits for anything."""
    return httpx.Timeout(step.timeout, connect=min(step.timeout, LONGEST_CONNECT))


def reply_of(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """An answer as `exchange` wants it."""
    return Reply(status, {name.lower(): value for name, value in headers.items()}, body)


def too_late(step: Send) -> DeadlineError:
    """Nothing came within the time of this step."""
    return DeadlineError("deadline", f"no answer from {step.path} within {step.timeout:.3g} s")


def failure(error: httpx.RequestError, step: Send) -> ServiceError:
    """What went wrong without an answer, in words and in the kinds of `errors`."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return too_late(step)
    reason = f"{step.method} {step.path}: {type(error).__name__}: {error}"
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol) or not isinstance(
        error, httpx.TransportError
    ):
        return ServiceError("connection", reason)
    return UnavailableError("connection", reason, hint="is the server running there?")
