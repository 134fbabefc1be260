"""A server that is asked through both clients: what it is to say, and what it was asked."""

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest

from encodery.client import AsyncClient, Client, Retries

QUICK = Retries(most=3, base=0.001, longest=0.002)


def answered(request: httpx.Request) -> httpx.Response:
    """The contract in short: a text's length is its label, and its vector."""
    body = json.loads(request.content or "{}")
    if request.url.path == "/v1/embeddings":
        vectors = [np.array([len(text), index], "<f4") for index, text in enumerate(body["input"])]
        coded = [base64.b64encode(vector.tobytes()).decode() for vector in vectors]
        return httpx.Response(
            200, json={"data": [{"index": index, "embedding": row} for index, row in enumerate(coded)][::-1]}
        )
    if request.url.path.endswith("/v1/models"):
        return httpx.Response(200, json={"object": "list", "data": [{"id": "mood", "task": "text-classification"}]})
    if request.url.path == "/health/ready":
        return httpx.Response(200, json={"status": "ready"})
    return httpx.Response(200, json=[{"label": ascii(record)} for record in body["inputs"]])


def refusal(
    status: int, code: str = "overloaded", headers: Mapping[str, str] | None = None, **fields: Any
) -> httpx.Response:
    """An answer of the error contract."""
    return httpx.Response(status, headers=headers, json={"code": code, "message": f"{code}!", **fields})


@dataclass
class Server:
    """Says what is in `replies` first, then `answered`."""

    kind: str
    replies: deque[httpx.Response | Exception] = field(default_factory=deque)
    requests: list[httpx.Request] = field(default_factory=list)
    answered: Callable[[httpx.Request], httpx.Response] = answered

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.popleft() if self.replies else self.answered(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def ask(self, method: str, *values: Any, client: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """A method of a client of this kind."""
        stated = {"retries": QUICK, "transport": httpx.MockTransport(self), **(client or {})}
        if self.kind == "sync":
            with Client("http://server", **stated) as asked:
                return getattr(asked, method)(*values, **options)

        async def ask() -> Any:
            async with AsyncClient("http://server", **stated) as asked:
                return await getattr(asked, method)(*values, **options)

        return asyncio.run(ask())

    def bodies(self) -> Sequence[Any]:
        """The JSON of each request."""
        return [json.loads(request.content) for request in self.requests]


@pytest.fixture(params=["sync", "async"])
def server(request: pytest.FixtureRequest) -> Server:
    return Server(request.param)
