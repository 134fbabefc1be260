"""What is raised where the server gives no answer."""

from collections.abc import Mapping
from typing import Any

CUT = 300


class ServiceError(Exception):
    """The server did not answer with predictions. The kinds below are those that a caller may want to tell apart."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        field: str | None = None,
        limit: int | float | str | None = None,
        hint: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """`code` is that of the error body (docs/serving.md has the table), or `connection` where there was no answer
        and `bad_answer` where it cannot be read.

        `field` is the JSON pointer of what is wrong, counted in the list that was given (`/inputs/300/text`);
        `limit` is what is allowed there; `retry_after` are the seconds after which the server may be asked again.
        """
        super().__init__(f"{message}; {hint}" if hint else message)
        self.code = code
        self.message = message
        self.status = status
        self.field = field
        self.limit = limit
        self.hint = hint
        self.request_id = request_id
        self.retry_after = retry_after

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered later."""
        return False


class InvalidInputError(ServiceError):
    """Something about the request or its records is wrong (400, 413, 415, 422)."""


class DeniedError(ServiceError):
    """No key, an unknown key, or one that may not ask this (401, 403)."""


class UnknownModelError(ServiceError):
    """No such model or task is served there (404)."""


class DeadlineError(ServiceError):
    """`timeout` passed, or the server saw that it would (504)."""


class UnavailableError(ServiceError):
    """Overloaded, not ready, or not reachable (429, 502, 503, no connection), still so after all retries."""

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered later."""
        return True


KINDS: Mapping[int, type[ServiceError]] = {
    400: InvalidInputError,
    401: DeniedError,
    403: DeniedError,
    404: UnknownModelError,
    413: InvalidInputError,
    415: InvalidInputError,
    422: InvalidInputError,
    429: UnavailableError,
    502: UnavailableError,
    503: UnavailableError,
    504: DeadlineError,
}


def error_of(status: int, body: Any, text: str, request_id: str | None, retry_after: float | None) -> ServiceError:
    """The error that an answer other than 200 stands for; `body` is its JSON, if it is JSON, `text` all of it."""
    kind = KINDS.get(status, ServiceError)
    stated = body if isinstance(body, dict) else {}
    if not isinstance(stated.get("message"), str):
        shown = " ".join(text.split())[:CUT]
        return kind("http", f"HTTP {status}: {shown}", status=status, request_id=request_id, retry_after=retry_after)

    def said(key: str) -> str | None:
        value = stated.get(key)
        return value if isinstance(value, str) else None

    limit = stated.get("limit")
    return kind(
        said("code") or "http",
        stated["message"],
        status=status,
        field=said("field"),
        limit=limit if isinstance(limit, int | float | str) else None,
        hint=said("hint"),
        request_id=said("request_id") or request_id,
        retry_after=retry_after,
    )
