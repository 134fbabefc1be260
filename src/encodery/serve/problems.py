"""Why a request gets no answer: one body for all errors, `{code, message, field, limit, hint, request_id}`."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import orjson
from starlette.responses import Response

from encodery.serve.answers import Refusal


@dataclass(frozen=True)
class Kind:
    """What all errors of a code share."""

    status: int
    meaning: str
    hint: str
    """What to do, where the place that found the error does not know better."""


KINDS: Mapping[str, Kind] = {
    "bad_request": Kind(400, "not HTTP/1.1", "send the request with an HTTP library"),
    "bad_json": Kind(
        400,
        "the body is not strict JSON: malformed, not UTF-8, a key twice, NaN, too deep",
        "send one JSON document in UTF-8, each key of an object once",
    ),
    "unauthorized": Kind(
        401,
        "no API key, or an unknown one",
        "send the header Authorization: Bearer KEY; a key in the URL is not read",
    ),
    "forbidden": Kind(
        403,
        "without API keys, only this machine may call, by its own name",
        "call http://localhost or http://127.0.0.1, or start the server with --keys",
    ),
    "unknown_model": Kind(
        404, "no such model, version, or model for the task", "GET /v1/models lists what is served"
    ),
    "not_found": Kind(404, "no such path", "GET /docs lists all"),
    "method_not_allowed": Kind(405, "the path has other methods", "the header Allow names them"),
    "timeout": Kind(408, "the request did not arrive in time", "send it whole at once"),
    "body_too_large": Kind(413, "the body is too large, as sent or once decompressed", "send fewer inputs at once"),
    "media_type": Kind(
        415, "the body is not JSON", "send Content-Type: application/json, plain or with Content-Encoding: gzip"
    ),
    "invalid_input": Kind(422, "a value, a limit or a record is wrong", "GET /docs shows the form of each body"),
    "overloaded": Kind(
        429, "it would wait too long in the queue", "try again after as many seconds as Retry-After says"
    ),
    "headers_too_large": Kind(431, "the headers are too large", "send fewer or shorter headers"),
    "internal": Kind(500, "a fault of the server", "report it with the request_id, which the server's log has, too"),
    "model_output": Kind(500, "the model gave numbers that are not finite", "check the model with encodery predict"),
    "not_ready": Kind(
        503, "loading, restarting or shutting down", "try again after as many seconds as Retry-After says"
    ),
    "deadline": Kind(504, "the deadline passed, or cannot be met", "allow more time in X-Request-Deadline-Ms"),
}
STATUSES: Mapping[int, str] = {
    status: "; ".join(f"`{code}`: {kind.meaning}" for code, kind in KINDS.items() if kind.status == status)
    for status in sorted({kind.status for kind in KINDS.values()})
}
"""What each status may mean."""
CLIENT_GONE = 499
"""Stands in the log and the metrics where the client left before its answer; nobody receives it."""


class ClientGone(Exception):  # noqa: N818  # it left, nothing failed
    """The client closed the connection before it was answered."""


class Problem(Exception):  # noqa: N818  # an answer, not a fault
    """The request is refused; `field` is a JSON pointer into the body, or a header's name."""

    def __init__(
        self,
        code: str,
        message: str,
        field: str | None = None,
        limit: int | float | str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.kind = KINDS[code]
        self.message = message
        self.field = field
        self.limit = limit
        self.hint = hint or self.kind.hint
        self.retry_after = retry_after

    def response(self, request_id: str, more: Mapping[str, Any] | None = None) -> Response:
        """What the caller gets; `more` is added to the body."""
        body = {
            "code": self.code,
            "message": self.message,
            "field": self.field,
            "limit": self.limit,
            "hint": self.hint,
            "request_id": request_id,
            **(more or {}),
        }
        headers = {}
        if self.retry_after is not None:
            headers["retry-after"] = str(max(1, ceil(self.retry_after)))
        if self.code == "unauthorized":
            headers["www-authenticate"] = 'Bearer realm="encodery"'
        if self.code in ("body_too_large", "unauthorized"):
            headers["connection"] = "close"  # what is left of the body is not read
        return Response(orjson.dumps(body), self.kind.status, headers, "application/json")


def problem_of(refusal: Refusal, field: str | None = None) -> Problem:
    """What a model refused, as the caller is told; `field` is where the record at fault stands."""
    after = refusal.retry_after
    if after is None and refusal.status in (429, 503):
        after = 1.0
    return Problem(refusal.code if refusal.code in KINDS else "internal", str(refusal), field, retry_after=after)
