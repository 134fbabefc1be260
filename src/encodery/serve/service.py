"""What the routes share: the models by name, the limits, and asking a model on behalf of a caller."""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope

from encodery.serve.answers import Answer, ModelInfo, Refusal, ServedModel, Work
from encodery.serve.auth import Keys
from encodery.serve.exchange import Exchange, exchange_of
from encodery.serve.limits import Records
from encodery.serve.logs import log_exchange
from encodery.serve.metrics import Metrics
from encodery.serve.problems import ClientGone, Problem, problem_of
from encodery.serve.settings import Settings

_SLACK_SECONDS = 1.0
"""A model has so much longer than the deadline to say that it passed, before it is given up."""


@dataclass
class Service:
    """A server's models and rules; `models` may change while it runs."""

    models: Mapping[str, ServedModel]
    settings: Settings = field(default_factory=Settings)
    keys: Keys = field(default_factory=Keys)
    loading: set[str] = field(default_factory=set)
    """Names of models that are not among `models` yet."""
    is_draining: bool = False

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.models, self.loading)

    @property
    def is_ready(self) -> bool:
        """Whether it should be sent requests."""
        if self.is_draining or self.loading or not self.models:
            return False
        return all(model.is_ready for model in self.models.values())

    def model(self, name: str) -> ServedModel:
        """The model of a name.

        Raises:
            Problem: there is none, or it is not loaded yet.
        """
        if name in self.loading:
            raise Problem("not_ready", f"the model {name!r} is being loaded", retry_after=1.0)
        if (model := self.models.get(name)) is None:
            raise self._unknown(f"no model {name!r:.80}", self.models)
        return model

    def model_for(self, task: str, name: str | None) -> ServedModel:
        """The model that does a task: the one of that name, or the only one.

        Raises:
            Problem: there is none, or without a name several, or it is not loaded yet.
        """
        able = [key for key, model in self.models.items() if _does(model.info, task)]
        if name is None:
            if len(able) == 1:
                return self.models[able[0]]
            if not able and self.loading:
                raise Problem("not_ready", "the models are being loaded", retry_after=1.0)
            if able:
                raise Problem(
                    "invalid_input",
                    f"{len(able)} models do {task}; which one is not said",
                    field="/model",
                    hint=f"name one of: {', '.join(able)}",
                )
            raise self._unknown(f"no model here does {task}", ())
        model = self.model(name)
        if name not in able:
            raise self._unknown(f"the model {name!r:.80} does {model.info.task}, not {task}", able)
        return model

    async def ask(self, request: Request, model: ServedModel, records: Records, work: Work = "predict") -> Answer:
        """What a model says to the records of a request.

        Raises:
            Problem: it refuses, or the deadline passes.
            ClientGone: the client left; what was not computed yet will not be.
        """
        exchange = exchange_of(request.scope)
        exchange.model, exchange.task = model.info.name, model.info.task
        exchange.num_inputs = len(records.items)
        deadline = self._deadline(exchange)
        waiting = self.metrics.waiting(exchange.model, exchange.task)
        waiting.inc()
        try:
            async with asyncio.timeout(deadline - time.monotonic() + _SLACK_SECONDS):
                answer = await unless_gone(request.receive, model.answer(records.items, work, deadline))
        except Refusal as refusal:
            field = None if refusal.place is None else records.pointer(refusal.place)
            raise problem_of(refusal, field) from refusal
        except TimeoutError:
            raise Problem("deadline", "the model did not answer in time") from None
        finally:
            waiting.dec()
        exchange.add(answer)
        return answer

    def over(self, exchange: Exchange, scope: Scope) -> None:
        """Count an exchange and write it down."""
        route = getattr(scope.get("route"), "path", "")
        self.metrics.count(exchange, route)
        if self.settings.log_requests or exchange.status >= 500:
            log_exchange(exchange, route)

    def _deadline(self, exchange: Exchange) -> float:
        """Until when to answer, on the clock of `time.monotonic`."""
        longest = self.settings.answer_seconds
        given = exchange.headers.get(b"x-request-deadline-ms")
        if given is None:
            return exchange.started + longest
        if not given.isdigit() or len(given) > 9 or int(given) == 0:
            raise Problem(
                "invalid_input",
                "the header X-Request-Deadline-Ms is no number of milliseconds, 1 to 999999999",
                field="X-Request-Deadline-Ms",
                limit=longest * 1e3,
                hint="leave it out, or send a whole number",
            )
        return exchange.started + min(int(given) / 1e3, longest)

    def _unknown(self, message: str, names: Iterable[str]) -> Problem:
        listed = ", ".join(names)
        return Problem("unknown_model", message, field="/model", hint=f"there is: {listed}" if listed else None)


def _does(info: ModelInfo, task: str) -> bool:
    return info.embeds if task == "feature-extraction" else info.task == task


async def unless_gone(receive: Receive, question: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer; where the client leaves before, the question is cancelled.

    Raises:
        ClientGone: it left.
    """
    asking = asyncio.current_task()
    assert asking is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        asking.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await question
    except asyncio.CancelledError:
        if gone:
            asking.uncancel()
            raise ClientGone from None
        raise
    finally:
        watching.cancel()
