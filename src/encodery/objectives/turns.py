"""Whose turn it is: the objective of each step, by weights that may change from phase to phase.

A whole step is of one objective, as XLM's code alternates them. An objective's own steps count on through all phases,
so that its text comes in order, whatever comes between.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from encodery.config import Config
from encodery.data.keyed_random import keyed_uint64
from encodery.data.mixture import Mixture

Name = Literal["mlm", "clm", "tlm"]
NAMES: tuple[Name, ...] = ("mlm", "clm", "tlm")
Weights = Mapping[Name, Annotated[float, Field(ge=0)]]

_TURNS = 0x7A2B5  # names these draws apart from those of the objectives


class Phase(Config):
    """Some steps with weights of their own."""

    steps: PositiveInt
    weights: Weights

    @model_validator(mode="after")
    def _one_has_a_turn(self) -> "Phase":
        _check(self.weights)
        return self


class MixingConfig(Config):
    """How often each objective has its turn."""

    weights: Weights | None = Field(default=None, exclude_if=lambda weights: weights is None)
    """Shares of the steps, of any sum; masked LM alone if not given. They hold behind the schedule."""
    schedule: tuple[Phase, ...] = Field(default=(), exclude_if=lambda schedule: not schedule)
    """Phases with weights of their own, one after the other; without `weights`, the last one goes on."""

    @property
    def names(self) -> tuple[Name, ...]:
        """The objectives that have a turn at some step."""
        given = [*(phase.weights for phase in self.schedule), *([self.weights] if self.weights else [])]
        return tuple(name for name in NAMES if any(weights.get(name) for weights in given)) or NAMES[:1]

    @model_validator(mode="after")
    def _one_has_a_turn(self) -> "MixingConfig":
        if self.weights is not None:
            _check(self.weights)
        return self


def _check(weights: Weights) -> None:
    if not any(weights.values()):
        raise ValueError(
            f"weights = {dict(weights)!r:.80}: no objective has a turn; give {', '.join(NAMES)} a weight above 0"
        )


class Turns:
    """The objective of each step and which of its own steps that is: a function of (seed, step), any step at once."""

    def __init__(self, config: MixingConfig, seed: int) -> None:
        last = config.weights or (config.schedule[-1].weights if config.schedule else {NAMES[0]: 1.0})
        self._phases: list[_Part] = []
        start, before = 0, dict.fromkeys(NAMES, 0)
        for number, phase in enumerate(config.schedule):
            part = _Part(phase.weights, int(keyed_uint64(seed, _TURNS, number)), start, before)
            self._phases.append(part)
            start, before = start + phase.steps, part.before(start + phase.steps)
        self._phases.append(_Part(last, int(keyed_uint64(seed, _TURNS, len(config.schedule))), start, before))

    @property
    def starts(self) -> list[int]:
        """The steps from which other weights hold, the first among them."""
        return [part.start for part in self._phases]

    def at(self, step: int) -> tuple[Name, int]:
        """The objective of a step, and how many steps it has had before."""
        return next(part for part in reversed(self._phases) if part.start <= step).at(step)

    def before(self, step: int) -> Mapping[Name, int]:
        """How many steps each objective has had before this one."""
        return next(part for part in reversed(self._phases) if part.start <= step).before(step)


class _Part:
    """The steps from `start` on, by one set of weights; `given` is what the objectives have had until then."""

    def __init__(self, weights: Weights, seed: int, start: int, given: Mapping[Name, int]) -> None:
        self.start = start
        self._given = dict(given)
        self._names: Sequence[Name] = [name for name in NAMES if weights.get(name)]
        self._mixture = Mixture([weights[name] for name in self._names], seed)

    def at(self, step: int) -> tuple[Name, int]:
        part, own = self._mixture.locate(np.array([step - self.start]))
        name = self._names[int(part[0])]
        return name, self._given[name] + int(own[0])

    def before(self, step: int) -> dict[Name, int]:
        turns = dict(zip(self._names, self._mixture.turns_before(step - self.start).tolist(), strict=True))
        return {name: count + turns.get(name, 0) for name, count in self._given.items()}
