"""How routes describe themselves: bodies by JSON schema, every status that occurs with its meaning."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from encodery.serve.problems import KINDS, STATUSES

ALWAYS = (400, 401, 403, 408, 431, 500)
"""Statuses of every route: of the connection, the keys, a fault."""
ASKING = (404, 413, 415, 422, 429, 503, 504)
"""Those of a route that reads a body and asks a model."""
_TELLING = {
    "X-Request-Id": "as it was sent, or a new one; the server's log has it, too",
    "Server-Timing": "milliseconds of each phase: queue, tokenize, infer, decode, total",
}
_OF_MODEL = {"X-Model-Version": "a hash of the files of the model that answered"}
_ASKED = [
    {
        "name": "X-Request-Deadline-Ms",
        "in": "header",
        "required": False,
        "description": "milliseconds in which an answer is of use; what cannot be met is refused before computing",
        "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    },
    {"name": "X-Request-Id", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 128}},
    {"name": "traceparent", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 255}},
]


class PlainRoute(APIRoute):
    """A route that FastAPI describes and does not run: its endpoint gets the request and gives the response.

    What FastAPI would do between the two (dependencies, validation) takes longer than all that is done here.
    """

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **options: Any) -> None:
        """Names in the path are texts; they are in `request.path_params`."""
        named = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", path)
        ]
        extra = dict(options.pop("openapi_extra", None) or {})
        if named:
            extra["parameters"] = [*named, *extra.get("parameters", ())]
        super().__init__(path, endpoint, **{**options, "response_model": None}, openapi_extra=extra or None)

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """The endpoint itself."""
        endpoint: Callable[[Request], Awaitable[Response]] = self.endpoint
        return endpoint


class ProblemBody(BaseModel):
    """Why there is no answer."""

    code: str = Field(description=f"one of {', '.join(KINDS)}")
    message: str
    field: str | None = Field(description="a JSON pointer into the body, or a header's name")
    limit: int | float | str | None
    hint: str = Field(description="what to do")
    request_id: str


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The description of answers that are errors."""
    return {
        status: {
            "model": ProblemBody,
            "description": STATUSES[status],
            **({"headers": {"Retry-After": _header("seconds")}} if status in (429, 503) else {}),
        }
        for status in sorted({*ALWAYS, *statuses})
    }


def described(request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a route that reads JSON and asks a model."""
    return {
        "responses": {
            200: {
                "description": "the answer",
                "content": {"application/json": {"schema": response}},
                "headers": {name: _header(text) for name, text in (_TELLING | _OF_MODEL).items()},
            },
            **responses(*ASKING),
        },
        "openapi_extra": {
            "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
            "parameters": _ASKED,
        },
    }


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}
