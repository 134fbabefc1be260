"""What is compared with what: every case of `encodery bench translate`, as data."""

from dataclasses import dataclass
from typing import Literal

from pydantic import PositiveInt

from encodery.bench.jobs import Engine
from encodery.config import Config

Size = Literal["marian", "small"]


class Job(Config):
    """What one worker process does, over and over: translate a batch, or train on one."""

    engine: Engine
    work: Literal["decode", "train"]
    size: Size = "marian"
    pairs: PositiveInt
    """Sentences of a batch."""
    beams: PositiveInt = 1
    new_tokens: int | None = 20
    """Every translation has so many tokens; None: as many as the target of its pair."""
    precision: Literal["fp32", "bf16"] = "fp32"


@dataclass(frozen=True)
class Case:
    """One line: two engines that do one job in turn."""

    name: str
    job: Job
    target_ratio: float

    @property
    def peer_name(self) -> str:
        """The peer, in words."""
        if self.job.work == "decode":
            return "transformers MarianMTModel.generate"
        return f"transformers MarianMTModel, padded loop, {self.job.precision}"

    def of(self, engine: Engine) -> Job:
        """The job of one side."""
        return self.job.model_copy(update={"engine": engine})


def all_cases() -> list[Case]:
    """In the order in which they are measured."""
    cases = []
    for pairs in (1, 32):
        for beams in (1, 5):
            job = Job(engine="encodery", work="decode", pairs=pairs, beams=beams)
            cases.append(Case(f"decode/{pairs}-beam-{beams}", job, 1.0 if pairs == 1 else 1.5))
    for beams in (1, 5):
        job = Job(engine="encodery", work="decode", pairs=32, beams=beams, new_tokens=None)
        cases.append(Case(f"decode/natural-32-beam-{beams}", job, 1.5))
    for size in ("small", "marian"):
        for precision in ("fp32", "bf16"):
            values = {"engine": "encodery", "work": "train", "size": size, "pairs": 64, "precision": precision}
            cases.append(Case(f"train/{size}-{precision}", Job.model_validate(values), 1.3))
    return cases
