"""Where values land on paper: scales, round tick values and how they are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Number = float | int


@dataclass(frozen=True)
class ReferenceLine:
    """A level to compare with: the unigram entropy, chance, a published score."""

    name: str
    value: Number


@dataclass(frozen=True)
class Scale:
    """Maps `low..high` of the data onto `start..end` in pixels, by the logarithm if `log`."""

    low: Number
    high: Number
    start: Number
    end: Number
    log: bool = False

    def __call__(self, value: Number) -> float:
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def tick_step(low: Number, high: Number, count: int = 5) -> float:
    """The distance of about `count` ticks between `low` and `high`: 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))


def ticks(low: Number, high: Number, count: int = 5, whole: bool = False) -> list[float]:
    """Round values from `low` to `high`, both included where they are round themselves; `whole`: no fractions."""
    step = tick_step(low, high, count)
    if whole:
        step = max(step, 1.0)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12 - math.floor(math.log10(step))) + 0.0 for i in range(first, last + 1)]


def log_ticks(low: Number, high: Number) -> list[float]:
    """Powers of ten from `low` to `high`, with 2 and 5 times them where fewer than three powers fit."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1.0,), (1.0, 2.0, 5.0)):
        inside = [f * 10.0**e for e in exponents for f in factors if low <= f * 10.0**e <= high]
        if len(inside) >= 3:
            break
    return inside or [float(low), float(high)]


def span(values: Sequence[Number], log: bool = False) -> tuple[float, float]:
    """The smallest and largest value; a single value gets room on both sides, so that it can be drawn."""
    low, high = float(min(values)), float(max(values))
    if log:
        return (low / 2, high * 2) if low == high else (low, high)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    return low, high


def rounded_span(values: Sequence[Number]) -> tuple[float, float]:
    """The span widened to the next tick on both sides."""
    low, high = span(values)
    step = tick_step(low, high)
    return step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)


def format_ticks(values: Sequence[Number]) -> list[str]:
    """Tick labels in one style: the same decimals for all, 20k, 1.5M or 2B when long, 3e-4 when tiny."""
    largest = max(map(abs, values))
    if 0 < largest < 1e-3:
        return [f"{value:.1e}".replace(".0e", "e").replace("e-0", "e-") if value else "0" for value in values]
    units = ((1e9, "B"), (1e6, "M"), (1e4, "k"))
    letter = next((letter for least, letter in units if largest >= least), "")
    unit = {"B": 1e9, "M": 1e6, "k": 1e3, "": 1.0}[letter]
    scaled = [value / unit for value in values]
    decimals = next(d for d in range(13) if d == 12 or all(abs(v - round(v, d)) < 1e-9 for v in scaled))
    return [f"{value:.{decimals}f}{letter}" if value else "0" for value in scaled]


def format_number(value: Number) -> str:
    """A single value for a hover text or a description: 12,000, 0.8421, 3e-05."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
