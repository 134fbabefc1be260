"""What a search looks through: the table `[search]` and the values that each key may have."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from encodery.config import Config
from encodery.errors import UserError

FIXED = ("train", "dev", "test", "fields", "seeds", "best_metric")
"""Keys of a fine-tuning that say what is compared: they are no part of a search."""


class Range(Config):
    """Numbers from `low` to `high`, both included; whole ones if both are."""

    low: int | float
    high: int | float
    log: bool = False
    """Whether 1e-5 to 1e-4 is as wide as 1e-4 to 1e-3."""

    @model_validator(mode="after")
    def _is_a_range(self) -> "Range":
        if not self.low < self.high or (self.log and self.low <= 0):
            more = " and above 0 where log = true" if self.log else ""
            raise ValueError(f"low = {self.low}, high = {self.high}; low must be below high{more}")
        return self

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


Choice = str | bool | int | float


def _axis(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Range.model_validate(value)
    if isinstance(value, Range):
        return value
    fits = isinstance(value, list | tuple) and value and all(_is_choice(choice) for choice in value)
    if not fits or len(set(map(repr, value))) < len(value):
        raise ValueError("a list of different values, or { low = ..., high = ..., log = true } is allowed")
    return tuple(value)


def _is_choice(value: Any) -> bool:
    return isinstance(value, Choice) and not (isinstance(value, float) and not math.isfinite(value))


Axis = Annotated[Range | tuple[Choice, ...], BeforeValidator(_axis)]


class SearchTable(Config):
    """`[search]`: try values of a fine-tuning's keys and tell which did best on its dev data."""

    finetune: str
    """The `[finetune.NAME]` that is tried, from its own values, with the first of its seeds and without its test."""
    trials: PositiveInt = 20
    space: Mapping[str, Axis] = Field(min_length=1)
    """Dotted keys of that table ("optimizer.lr", epochs) and what they may be."""

    @model_validator(mode="after")
    def _compares_like_with_like(self) -> "SearchTable":
        for key in self.space:
            if key.split(".")[0] in FIXED:
                raise ValueError(f"space.{key}: {', '.join(FIXED)} say what is compared and cannot be searched")
        return self


def ends(axis: Range | tuple[Choice, ...]) -> tuple[Choice, ...]:
    """Values of an axis that show whether all of it is allowed."""
    return (axis.low, axis.high) if isinstance(axis, Range) else axis


def check_space(search: SearchTable, try_values: Callable[[Mapping[str, Any]], object]) -> None:
    """Try every end of every axis, so that no trial finds out. Raises `ValueError` where one is refused."""
    for key, axis in search.space.items():
        for value in ends(axis):
            try:
                try_values({key: value})
            except UserError as error:
                raise ValueError(str(error)) from None


def with_values(table: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A table with other values at dotted keys; tables on the way that are not there are made."""
    changed = dict(table)
    for key, value in values.items():
        first, _, rest = key.partition(".")
        changed[first] = with_values(changed.get(first) or {}, {rest: value}) if rest else value
    return changed
