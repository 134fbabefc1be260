"""A probability that may change in the course of training, as a pure function of the step."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float64, Int64
from pydantic import Field, NonNegativeInt, PlainSerializer, PlainValidator, TypeAdapter

from encodery.config import Config

Rate = Annotated[float, Field(gt=0, le=1)]
Knots = tuple[tuple[NonNegativeInt, Rate], ...]

_RATE: TypeAdapter[float] = TypeAdapter(Rate)
_KNOTS: TypeAdapter[Knots] = TypeAdapter(Knots)


class Ramp(Config):
    """A straight line over all steps: `start` at the first, `end` at the last."""

    start: Rate
    end: Rate


def _parse(value: Any) -> float | Ramp | Knots:
    if isinstance(value, Mapping | Ramp):
        return Ramp.model_validate(value)
    if isinstance(value, list | tuple):
        knots = _KNOTS.validate_python(value)
        if not knots or any(before >= after for (before, _), (after, _) in pairwise(knots)):
            raise ValueError("[step, value] pairs are needed, at least one, each step above the one before it")
        return knots
    if isinstance(value, bool | str):
        raise ValueError("a number, { start, end } or a list of [step, value] is needed")
    return _RATE.validate_python(value)


def _stated(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Ramp) else value


Schedule = Annotated[float | Ramp | Knots, PlainValidator(_parse), PlainSerializer(_stated)]
"""A number, a table `{ start, end }`, or a list of `[step, value]` with straight lines between them."""


def rates_at(
    schedule: float | Ramp | Knots, steps: Int64[np.ndarray, " steps"], num_steps: int
) -> Float64[np.ndarray, "*steps"]:
    """The value at each of the steps, counted from 0, of a training of `num_steps`; of no shape where it is one
    number."""
    if isinstance(schedule, float):
        return np.asarray(schedule)
    knots = ((0, schedule.start), (max(num_steps - 1, 1), schedule.end)) if isinstance(schedule, Ramp) else schedule
    places, values = zip(*knots, strict=True)
    return np.asarray(np.interp(steps, places, values))
