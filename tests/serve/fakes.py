"""Models whose answers are known, and calls to the application without a socket."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from encodery.serve.answers import Answer, ModelInfo, Refusal, Work
from encodery.serve.app import create_app
from encodery.serve.auth import Keys
from encodery.serve.service import Service
from encodery.serve.settings import Settings

VERSION = "4f1d0c92aa31be07"
HIDDEN = 3
JSON = {"content-type": "application/json", "host": "localhost"}
PREDICTIONS: Mapping[str, Mapping[str, Any]] = {
    "text-classification": {"label": "größer", "score": 0.75, "scores": {"größer": 0.75, "schlecht": 0.25}},
    "token-classification": {"entities": [{"start": 0, "end": 3, "label": "PER", "score": 0.5, "text": "Ada"}]},
    "question-answering": {"answer": None, "start": None, "end": None, "score": 0.875},
    "fill-mask": {"predictions": [{"token": "oven", "token_id": 7, "score": 0.5, "sequence": "the oven"}]},
    "feature-extraction": {"embedding": [0.5, -1.0, 2.0]},
    "translation": {"translation": "Größe", "score": 0.5},
    "multiple-choice": {"label": 1, "choice": "b", "score": 0.75, "scores": [0.25, 0.75]},
}


def info_of(name: str, task: str, embeds: bool | None = None) -> ModelInfo:
    embeds = task == "feature-extraction" if embeds is None else embeds
    return ModelInfo(name, task, ("größer", "schlecht"), 128, HIDDEN, embeds, (), "torch", "fp32", VERSION)


class FakeModel:
    """Answers each record with the prediction of its task; what it was asked is kept."""

    def __init__(self, name: str, task: str, embeds: bool | None = None, seconds: float = 0.0) -> None:
        self.told = info_of(name, task, embeds)
        self.is_ready = True
        self.seconds = seconds
        self.refusal: Exception | None = None
        self.asked: list[tuple[list[str | Mapping[str, Any]], Work, float | None]] = []
        self.num_cancelled = 0
        self.folder = Path(name)
        self.swaps: list[Path] = []
        self.is_changed = True
        self.is_closed = False

    @property
    def info(self) -> ModelInfo:
        return self.told

    async def answer(
        self, records: Sequence[str | Mapping[str, Any]], work: Work = "predict", deadline: float | None = None
    ) -> Answer:
        self.asked.append(([*records], work, deadline))
        if self.refusal is not None:
            raise self.refusal
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.num_cancelled += 1
            raise
        task = "feature-extraction" if work == "embed" else self.told.task
        document = json.dumps(PREDICTIONS[task], ensure_ascii=False).encode()
        seconds = {"queue": 0.001, "tokenize": 0.002, "infer": 0.013, "decode": 0.0005}
        return Answer([document] * len(records), self.told.version, 7 * len(records), 1, seconds)  # type: ignore[arg-type]

    async def start(self) -> ModelInfo:
        self.is_ready = True
        return self.told

    async def has_changed(self) -> bool:
        return self.is_changed

    async def swap(self, folder: Path) -> ModelInfo:
        if isinstance(self.refusal, Exception) and not isinstance(self.refusal, Refusal):
            raise self.refusal
        self.swaps.append(folder)
        self.told = replace(self.told, version="0" * 16)
        return self.told

    async def close(self) -> None:
        self.is_closed = True


def one_of_each() -> dict[str, FakeModel]:
    """A model for every task, named by it."""
    return {task: FakeModel(task, task) for task in PREDICTIONS}


def service_of(models: Mapping[str, FakeModel] | None = None, keys: str = "", **settings: Any) -> Service:
    return Service(
        dict(one_of_each() if models is None else models),
        Settings(log_requests=False, **settings),
        Keys(environment=keys),
    )


@dataclass
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Hold = Callable[[], Awaitable[None]]


async def send(
    app: FastAPI,
    method: str,
    path: str,
    body: bytes | Sequence[bytes] = b"",
    headers: Mapping[str, str] | None = None,
    leave_after: float | None = None,
) -> Reply | None:
    """A request straight to the application; None if there was no answer, for the client left before it."""
    parts = [body] if isinstance(body, bytes) else [*body]
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, start=1)
    ]
    sent: list[dict[str, Any]] = []
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        if leave_after is not None:
            await asyncio.sleep(leave_after)
        else:
            await over.wait()
        return {"type": "http.disconnect"}

    async def take(message: dict[str, Any]) -> None:
        sent.append(message)

    given = {"host": "localhost", **(headers or {})}
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8080),
    }
    try:
        await app(scope, receive, take)  # type: ignore[arg-type]
    finally:
        over.set()
    if not sent:
        return None
    start, *rest = sent
    told = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], told, b"".join(message.get("body", b"") for message in rest))


def call(
    app_or_service: FastAPI | Service,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A request and its answer; a body that is not bytes goes as JSON."""
    app = create_app(app_or_service) if isinstance(app_or_service, Service) else app_or_service
    if body is not None and not isinstance(body, bytes | list):
        body = json.dumps(body).encode()
    given = {**(JSON if body is not None else {}), **(headers or {})}
    reply = asyncio.run(send(app, method, path, body or b"", given))
    assert reply is not None
    return reply


def ask(service: Service, path: str, body: Any, **headers: str) -> Reply:
    """`POST` of JSON, with headers named with underscores."""
    return call(service, "POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})


def until(seconds: float) -> float:
    return time.monotonic() + seconds
