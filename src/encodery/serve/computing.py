"""The thread of a worker in which the engine computes."""

import math
import time
from collections.abc import Sequence
from threading import Lock, Thread
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch
from encodery.model.forward import Forward, Generating
from encodery.model.search import GenerationConfig, Hypothesis, Targets
from encodery.serve.answers import BadOutput, DeadlineExceeded, NotReady, Refusal
from encodery.serve.batcher import Batcher, Unit
from encodery.serve.predictor import Predictor
from encodery.serve.request import Request, askers
from encodery.serve.unexpected import is_out_of_memory, unexpected

QUICK_SECONDS = 0.02
"""What is computed in less does not wait for another thread to wake."""


class NotFiniteError(ArithmeticError):
    """An engine gave infinities, or what is no number."""

    def __init__(self) -> None:
        super().__init__("the model gave numbers that are not finite")


class FiniteEngine:
    """An engine that never gives numbers which are not finite: a task could make a plausible answer of them."""

    def __init__(self, engine: Forward) -> None:
        self.engine = engine

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """As `Forward`; raises `NotFiniteError`."""
        return _finite(self.engine.hidden(batch, rows))

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """As `Forward`; raises `NotFiniteError`."""
        return _finite(self.engine.logits(head, batch, rows))

    def warm_up(self, max_seqlen: int) -> None:
        """As `Compiling`, where it is one."""
        if isinstance(self.engine, Compiling):
            self.engine.warm_up(max_seqlen)

    def generate(self, source: Batch, targets: Targets, config: GenerationConfig) -> list[list[Hypothesis]]:
        """As `Generating`; raises `NotFiniteError`."""
        assert isinstance(self.engine, Generating)
        found = self.engine.generate(source, targets, config)
        if not all(hypotheses and math.isfinite(hypotheses[0].score) for hypotheses in found):
            raise NotFiniteError
        return found


@runtime_checkable
class Compiling(Protocol):
    """An engine that compiles a graph for each of several lengths."""

    def warm_up(self, max_seqlen: int) -> None:
        """Every length that texts of up to so many tokens need."""


def _finite(values: Float[Tensor, "rows size"]) -> Float[Tensor, "rows size"]:
    """One sum tells, faster than a look at each: it is finite if all are."""
    if not values.float().sum().isfinite():
        raise NotFiniteError
    return values


@runtime_checkable
class Results(Protocol):
    """Where computed records and refusals go."""

    def finish(self, records: Sequence[tuple[Request, int]], is_idle: bool) -> None:
        """Records all windows of which were computed; `is_idle` if there is nothing to compute just now."""

    def refuse(self, request: Request, refusal: Refusal) -> None:
        """A request that gets no answer."""


class Computing(Thread):
    """Batch after batch. A batch that fails is computed in halves, down to the one sequence that makes it fail."""

    def __init__(self, predictor: Predictor, batcher: Batcher, results: Results) -> None:
        super().__init__(daemon=True)
        self.predictor = predictor
        self.batcher = batcher
        self.results = results
        self.busy_since: float | None = None
        self.batches = self.sequences = self.tokens = self.divided = 0
        self._engine = Lock()  # it computes one batch at a time
        self._seconds_per_token = math.inf
        """Of the last batch."""

    def offer(self, units: list[Unit]) -> None:
        """Sequences of one asker, from the thread that reads questions: computed there and then where nothing waits,
        nothing is computed and it will not take long, for to wake another thread takes as long as a short text."""
        seconds = sum(unit.num_tokens for unit in units) * self._seconds_per_token
        if seconds > QUICK_SECONDS or not self.batcher.is_empty or not self._engine.acquire(blocking=False):
            self.batcher.add(units)
            return
        try:
            self.compute(units)
        finally:
            self._engine.release()

    def run(self) -> None:
        """Until the batcher is closed."""
        while (taken := self.batcher.take()) is not None:
            for asker in taken.late:
                assert isinstance(asker, Request)
                self.results.refuse(asker, DeadlineExceeded("the deadline passed before all of it was computed"))
            if taken.units:
                with self._engine:
                    self.compute(taken.units)

    def compute(self, units: Sequence[Unit]) -> None:
        """One batch, or what is left of it when requests were refused meanwhile."""
        units = [unit for unit in units if not unit.asker.is_gone]
        if not units:
            return
        requests = list(askers(units))
        self.busy_since = started = time.monotonic()
        try:
            outputs = self._outputs(units)
        except Exception as error:
            failure: Exception | None = error
        else:
            failure = None
        seconds = time.monotonic() - started
        self.busy_since = None
        for request in requests:
            request.seconds["infer"] += seconds
        if failure is None:
            self._count(units, seconds)
            self.results.finish(self._finished(units, outputs), self.batcher.is_empty)
        else:
            self._divide(units, failure)

    def _outputs(self, units: Sequence[Unit]) -> list[Any]:
        sequences = [_request(unit).sequence(unit) for unit in units]
        return self.predictor.outputs(_request(units[0]).task, sequences)

    def _count(self, units: Sequence[Unit], seconds: float) -> None:
        tokens = sum(unit.num_tokens for unit in units)
        self._seconds_per_token = seconds / tokens
        self.batches += 1
        self.sequences += len(units)
        self.tokens += tokens

    def _finished(self, units: Sequence[Unit], outputs: Sequence[Any]) -> list[tuple[Request, int]]:
        finished = []
        for unit, output in zip(units, outputs, strict=True):
            request = _request(unit)
            if request.compute(unit, output):
                finished.append((request, unit.record))
        return finished

    def _divide(self, units: Sequence[Unit], error: Exception) -> None:
        if len(units) == 1:
            self.results.refuse(_request(units[0]), _refusal(units[0], error))
            return
        self.divided += 1
        error.__traceback__ = None  # it holds what was computed so far, and there may be no memory left
        middle = len(units) // 2
        self.compute(units[:middle])
        self.compute(units[middle:])


def _request(unit: Unit) -> Request:
    assert isinstance(unit.asker, Request)
    return unit.asker


def _refusal(unit: Unit, error: Exception) -> Refusal:
    if isinstance(error, NotFiniteError):
        return BadOutput(f"record {unit.record + 1}: {error}", place=unit.record)
    if is_out_of_memory(error):
        return NotReady(f"not enough memory for {unit.num_tokens:,} tokens", retry_after=1.0, place=unit.record)
    return unexpected("computing", error, unit.record)
