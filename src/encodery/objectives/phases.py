"""Phases of a pretraining: from some step on other lengths of sequences, or larger batches.

BERT reads sequences of 128 tokens for 90 % of its steps and of 512 for the rest (Devlin et al. 2019, appendix A.2);
small batches first are the other use: early gradients agree even in few tokens (McCandlish et al. 2018, "An empirical
model of large-batch training").
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from pydantic import Field, PositiveInt, model_validator

from encodery.config import Config


class Phase(Config):
    """What changes, and when; what is not given stays as it was before."""

    start: float = Field(gt=0.0, lt=1.0)
    """Share of all steps that are over when it begins."""
    max_seqlen: int | None = Field(default=None, ge=8)
    tokens_per_step: PositiveInt | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> "Phase":
        if self.max_seqlen is None and self.tokens_per_step is None:
            raise ValueError(
                f"the phase that starts at {self.start} changes nothing; give max_seqlen, tokens_per_step"
            )
        return self


@dataclass(frozen=True)
class Stretch:
    """Steps of one kind, from `first` on."""

    first: int
    max_seqlen: int
    tokens_per_step: int


def stretches(phases: Sequence[Phase], steps: int, max_seqlen: int, tokens_per_step: int) -> list[Stretch]:
    """The stretches of `steps` steps that begin with the given lengths; phases too short for a step fall away.

    Raises `ValueError` for phases that are not in the order of their starts.
    """
    if any(after.start <= before.start for before, after in pairwise(phases)):
        starts = ", ".join(f"{phase.start:g}" for phase in phases)
        raise ValueError(f"phases start at {starts}; each must start later than the one before it")
    found = {0: Stretch(0, max_seqlen, tokens_per_step)}
    for phase in phases:
        first = round(phase.start * steps)
        max_seqlen = phase.max_seqlen or max_seqlen
        tokens_per_step = phase.tokens_per_step or tokens_per_step
        found[first] = Stretch(first, max_seqlen, tokens_per_step)
    return [stretch for stretch in found.values() if stretch.first < steps]


def tokens_by_length(parts: Sequence[Stretch], steps: int) -> list[tuple[int, int]]:
    """For each stretch of `steps` steps the longest sequences, and the tokens of all its steps."""
    lasts = [*(part.first for part in parts[1:]), steps]
    return [
        (part.max_seqlen, max(0, last - part.first) * part.tokens_per_step)
        for part, last in zip(parts, lasts, strict=True)
    ]


def total_tokens(parts: Sequence[Stretch], steps: int) -> int:
    """Tokens of all steps."""
    return sum(tokens for _, tokens in tokens_by_length(parts, steps))


Made = TypeVar("Made")


class Course(Generic[Made]):
    """What each step is read from: of `make(max_seqlen, tokens_per_step)`, one for each stretch.

    A stretch goes on in the text where the tokens of those before it end: no text comes twice because a batch grew.
    """

    def __init__(self, parts: Sequence[Stretch], make: Callable[[int, int], Made]) -> None:
        self._made = [make(part.max_seqlen, part.tokens_per_step) for part in parts]
        self._firsts = [part.first for part in parts]
        self._own_firsts = [0]
        for before, after in pairwise(parts):
            read = (self._own_firsts[-1] + after.first - before.first) * before.tokens_per_step
            self._own_firsts.append(-(-read // after.tokens_per_step))

    @property
    def first(self) -> Made:
        """That of the first stretch."""
        return self._made[0]

    def at(self, step: int) -> tuple[Made, int]:
        """What a step is read from, and which of its own steps that is."""
        place = bisect_right(self._firsts, step) - 1
        return self._made[place], self._own_firsts[place] + step - self._firsts[place]

    def runs(self, start: int, stop: int) -> Iterator[tuple[Made, int, int]]:
        """The same for the steps `start : stop`: whose own steps, from which to which."""
        for made, first, own, end in zip(
            self._made, self._firsts, self._own_firsts, [*self._firsts[1:], stop], strict=True
        ):
            low, high = max(start, first), min(stop, end)
            if low < high:
                yield made, own + low - first, own + high - first
