"""Graphs against the model that they were made of: the fastest that says the same and scores the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from encodery.deploy.building import Built, Calibration, Source, Tell
from encodery.deploy.bundle import BundleInfo, open_engine
from encodery.deploy.choose import Measured
from encodery.deploy.settings import ExportSettings
from encodery.deploy.torch_engine import TorchEngine
from encodery.deploy.verify import Parity, chosen, compare, complaint, extreme_examples
from encodery.errors import UserError
from encodery.serve.predictor import Predictor
from encodery.stages.gate import Gate, compare_scores
from encodery.tasks.task import Trainable

BOUNDS = (0.9996, 0.9998, 0.9999)
"""Of the cosine of hidden states, tried in turn where the usual one is not enough."""


@dataclass(frozen=True)
class Text:
    """What a user gives to export by."""

    dev: Sequence[Any] = ()
    """Labelled examples: by these the task metric is compared."""
    calibration: Sequence[Any] = ()
    """Examples, labelled or not, by which int8 is calibrated."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """A build that says what the model says."""

    built: Built
    info: BundleInfo
    parity: Parity
    gate: Gate | None
    measured: Sequence[Measured]
    """All builds as they are, the fastest first."""


Measure = Callable[[Sequence[Built]], Sequence[Measured]]
"""Each build with each setting, the fastest first."""


@dataclass
class Verification:
    """Builds against the model that they were made of."""

    source: Source
    settings: ExportSettings
    text: Text
    calibration: Calibration | None
    into: Path
    tell: Tell

    def fastest_good(self, builds: Sequence[Built], measure: Measure) -> Verified:
        """The fastest build that says what the model says, as `measure` finds it.

        Raises:
            UserError: none does; why.
        """
        complaints: dict[str, str] = {}
        while True:
            measured = measure(builds)
            found = self._first_good(builds, measured, complaints)
            if any(found.built is built for built in builds):
                return found
            # more of it is computed as before, so it is slower than it was measured: another may be the fastest now
            builds = [found.built if built.engine == found.built.engine else built for built in builds]

    def _first_good(
        self, builds: Sequence[Built], measured: Sequence[Measured], complaints: dict[str, str]
    ) -> Verified:
        """The first in order that is good, perhaps nearer to the model than it was. `complaints` may be of before."""
        by_engine = {built.engine: built for built in builds}
        for row in measured:
            name = f"{row.info.engine}, rest {row.info.rest}"
            if name in complaints:  # with other threads, which change no number
                continue
            bounds = iter(BOUNDS)
            built: Built | None = by_engine[row.info.engine]
            while built is not None:
                by_engine[row.info.engine] = built
                parity, gate, found = self._judged(built, row.info)
                if found is None:
                    complaints.pop(name, None)
                    return Verified(built, row.info, parity, gate, measured)
                complaints[name] = found
                self.tell(f"{name.removesuffix(', rest f32')}: {found}")
                built = self._closer(built, bounds)
        why = "; ".join(f"{name.removesuffix(', rest f32')}: {why}" for name, why in complaints.items())
        raise UserError(f"nothing was written: {why}; export --dtype bf16 or fp32, or give more text to calibrate by")

    def _closer(self, built: Built, bounds: Iterator[float]) -> Built | None:
        """The build that is nearer to the model; None if there is none within the bounds that are left."""
        if self.calibration is None:
            return None
        tried = (built.closer(self.calibration, bound, self.tell) for bound in bounds)
        return next((closer for closer in tried if closer is not None), None)

    def _judged(self, built: Built, info: BundleInfo) -> tuple[Parity, Gate | None, str | None]:
        """What was found of a build, and what is wrong with it."""
        parity = self.parity(built, info)
        found = complaint(parity, self.settings.dtype, self.settings.min_cosine)
        gate = None if found else self.gate(built, info)
        return parity, gate, found or (gate.complaint(self.settings.max_metric_drop) if gate else None)

    def parity(self, built: Built, info: BundleInfo) -> Parity:
        """On real text and on what is hard about text."""
        task = self.source.task
        real = chosen([*self.text.dev] or [*self.text.calibration])
        hard = extreme_examples(task, lambda record: task.read("an extreme text", record, None))
        examples = [*hard, *real]
        sequences = [s for example in examples for s in task.encode(example).sequences]
        open_it = partial(open_engine, self.into, self.source.folder, info, graph=built.folder)
        model = self.source.folder.model
        return compare(task, model, self.source.head, TorchEngine(model), open_it(), open_it(hidden=True), sequences)

    def gate(self, built: Built, info: BundleInfo) -> Gate | None:
        """The task's scores on the dev data; None without these, or where the task has no scores."""
        task = self.source.task
        if not self.text.dev or not isinstance(task, Trainable):
            return None
        engine = open_engine(self.into, self.source.folder, info, graph=built.folder)
        said = Predictor(self.source.folder, task, engine=engine).predict_examples(self.text.dev)
        return compare_scores(task, self._said_by_model, said, self.text.dev)

    @cached_property
    def _said_by_model(self) -> list[dict[str, Any]]:
        return Predictor(self.source.folder, self.source.task).predict_examples(self.text.dev)
