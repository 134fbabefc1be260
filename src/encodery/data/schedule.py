"""A number that may change in the course of training: `0.3`, `{ start, end }` or `[[step, value], ...]`.

What it is at a step is a pure function of the step: straight lines between the steps that are given, level outside.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float64, Int64
from pydantic import Field, PlainSerializer, PlainValidator, TypeAdapter

from encodery.config import Config

Knots = tuple[tuple[int, float], ...]
"""Steps in ascending order, each with the value there."""
Rate = Annotated[float, Field(gt=0, le=1, strict=True)]
Power = Annotated[float, Field(ge=0, le=1, strict=True)]


class Ramp(Config):
    """A straight line over all steps."""

    start: Power
    end: Power


class RateRamp(Ramp):
    """One that stays above 0."""

    start: Rate
    end: Rate


Stated = float | Ramp | Knots
"""The three forms."""


class _UnorderedStepsError(ValueError):
    """The steps do not rise."""


def _reader(ramp: type[Ramp], a_number: Any, pairs: Any) -> Callable[[Any], Any]:
    """What reads a recipe's key: its value as one of the three forms, given as types, or a `ValueError`."""
    number: TypeAdapter[float] = TypeAdapter(a_number)
    knots: TypeAdapter[tuple[tuple[Any, float], ...]] = TypeAdapter(pairs)

    def read(value: Any) -> Any:
        if isinstance(value, (Mapping, ramp)):
            return ramp.model_validate(value)
        if isinstance(value, list | tuple):
            found = knots.validate_python(value)
            steps = [step for step, _ in found]
            if not found:
                raise ValueError(_PAIRS)
            if not all(type(step) is int and step >= 0 for step in steps) or any(a >= b for a, b in pairwise(steps)):
                raise _UnorderedStepsError(_PAIRS)
            return found
        if isinstance(value, bool | str):
            raise ValueError("a number, { start, end } or a list of [step, value] is needed")
        return number.validate_python(value)

    return read


_PAIRS = "[step, value] pairs are needed, at least one, each step above the one before it"
_read_rate = _reader(RateRamp, Rate, tuple[tuple[Any, Rate], ...])
_read_power = _reader(Ramp, Power, tuple[tuple[Any, Power], ...])


def _read_alpha(value: Any) -> Any:
    """The same in words of its own."""
    try:
        return _read_power(value)
    except _UnorderedStepsError:
        raise ValueError(
            "the steps in [[step, alpha], ...] must be whole numbers that rise from one to the next"
        ) from None
    except ValueError:
        given = f"{value!r:.80}: " if isinstance(value, Mapping) else ""  # a table's value is not in the message yet
        raise ValueError(
            f"{given}a number from 0 to 1, {{ start, end }} or [[step, alpha], ...] of such numbers is allowed"
        ) from None


def stated(value: Stated) -> Any:
    """As it stands in a recipe."""
    return value.model_dump() if isinstance(value, Ramp) else value


Schedule = Annotated[float | RateRamp | Knots, PlainValidator(_read_rate), PlainSerializer(stated)]
"""A probability above 0."""
Alpha = Annotated[Stated, PlainValidator(_read_alpha), PlainSerializer(stated)]
"""How far small languages are lifted (`data.languages.sampling_shares`): from 0 to 1."""
Share = Annotated[Stated, PlainValidator(_read_power), PlainSerializer(stated)]
"""What something weighs beside others: from 0 to 1."""


def changes(value: Stated) -> bool:
    """Whether it is more than one number."""
    return not isinstance(value, int | float)


def knots_of(value: Stated, last: int) -> Knots:
    """Over a training of which `last` is the step where a ramp has its end."""
    if isinstance(value, int | float):
        return ((0, float(value)),)
    if isinstance(value, Ramp):
        return ((0, value.start), (last, value.end))
    return tuple((step, float(number)) for step, number in value)


def values_at(knots: Knots, steps: Float64[np.ndarray, " steps"]) -> Float64[np.ndarray, " steps"]:
    """The value at each of the steps, which may lie between two."""
    places, values = zip(*knots, strict=True)
    return np.asarray(np.interp(steps, places, values))


def value_at(knots: Knots, step: float | int) -> float:
    """The value at one step."""
    return float(values_at(knots, np.array([float(step)]))[0])


def rates_at(value: Stated, steps: Int64[np.ndarray, " steps"], num_steps: int) -> Float64[np.ndarray, "*steps"]:
    """The value at each of the steps, counted from 0, of a training of `num_steps`, at whose last a ramp ends; of no
    shape where it is one number."""
    if not changes(value):
        return np.asarray(value)
    return values_at(knots_of(value, max(num_steps - 1, 1)), steps.astype(np.float64))
