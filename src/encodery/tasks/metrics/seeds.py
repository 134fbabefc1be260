"""What a few seeds say of all seeds: means and paired differences with intervals (Student 1908).

The seeds of a comparison are few, three or five, and their spread is estimated from these alone: so the interval of
their mean is that of Student's t, which is 4.3 standard errors wide to each side for three seeds, not 2.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from encodery.tasks.metrics.intervals import CONFIDENCE

Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, and where the mean over all seeds would be; no interval from a single one."""

    mean: float
    interval: Interval | None

    @property
    def excludes_zero(self) -> bool | None:
        """Whether zero lies outside of the interval; None where there is none."""
        return None if self.interval is None else not self.interval[0] <= 0 <= self.interval[1]


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The mean of values of different seeds, with the interval of Student's t.

    Raises `ValueError` if there is no value.
    """
    if not values:
        raise ValueError("a mean needs a value")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Estimate(mean, None)
    reach = t_quantile(len(values) - 1, confidence) * statistics.stdev(values) / math.sqrt(len(values))
    return Estimate(mean, (mean - reach, mean + reach))


def paired_difference(first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """How much higher `second` is than `first`, value by value: both have the same seeds in the same order.

    Raises `ValueError` if there are not as many of the one as of the other.
    """
    return mean_interval([b - a for a, b in zip(first, second, strict=True)], confidence)


def t_quantile(freedom: int, confidence: float = CONFIDENCE) -> float:
    """How far from zero `confidence` of Student's t reaches, with `freedom` degrees of freedom."""
    low, high = 0.0, 1.0
    while _coverage(high, freedom) < confidence:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _coverage(middle, freedom) < confidence else (low, middle)
    return (low + high) / 2


def _coverage(t: float, freedom: int) -> float:
    """The probability of values between -t and t (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = freedom % 2 == 1
    term, total = cosine if is_odd else 1.0, 0.0
    for power in range(1 if is_odd else 0, freedom - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sine * total) if is_odd else sine * total
