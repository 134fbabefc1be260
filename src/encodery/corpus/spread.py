"""How a measure is spread over all pages: a histogram, and samples on both sides of its thresholds.

Bins are a function of the value alone, 32 to each power of two (2 to 3 % wide), so that what processes counted can be
added up without a range that all would have to agree on.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

NEAREST = 3
"""So many samples on each side of a threshold."""
BINS_PER_OCTAVE = 32
_SMALLEST = -1080
"""Below the exponent of every float, so that the bins of positive numbers are positive."""

_LARGEST = 1024
"""The exponent of the largest floats."""

Sample = dict[str, Any]


def bin_of(value: float | int) -> int:
    """The bin of a finite number: 0 holds zero alone, bins below it mirror those above."""
    if value > 0:
        mantissa, exponent = math.frexp(value)
        return (exponent - _SMALLEST) * BINS_PER_OCTAVE + int((mantissa - 0.5) * 2 * BINS_PER_OCTAVE)
    return -bin_of(-value) if value < 0 else 0


def bin_edges(index: int) -> tuple[float, float]:
    """Where a bin begins and ends: [low, high) above zero, (low, high] below.

    Subnormal numbers (below 2.3e-308) stand further apart than their bins are wide: both edges may be the same there.
    """
    if index < 0:
        low, high = bin_edges(-index)
        return -high, -low
    if index == 0:
        return 0.0, 0.0
    return _start(index), _start(index + 1)


def _start(index: int) -> float:
    exponent, step = divmod(index, BINS_PER_OCTAVE)
    if exponent + _SMALLEST > _LARGEST:
        return math.inf
    return math.ldexp(0.5 + step / (2 * BINS_PER_OCTAVE), exponent + _SMALLEST)


@dataclass(slots=True)
class Side:
    """One side of a threshold: how many values lie there, and those nearest to it."""

    count: int = 0
    samples: list[tuple[float, int, Sample]] = field(default_factory=list)
    """(distance, hash, what was measured), nearest first; the hash decides between equals."""

    def see(self, distance: float, key: Callable[[], int], sample: Callable[[], Sample]) -> None:
        """Count a value; its hash and its sample are asked for only where it may be among the nearest."""
        self.count += 1
        kept = self.samples
        if len(kept) == NEAREST and distance > kept[-1][0]:
            return
        found = (distance, key())
        if len(kept) == NEAREST and found >= kept[-1][:2]:
            return
        kept.append((*found, sample()))
        kept.sort(key=_order)
        del kept[NEAREST:]

    def add(self, other: "Side") -> None:
        """Take over what another process saw."""
        self.count += other.count
        self.samples = heapq.nsmallest(NEAREST, [*self.samples, *other.samples], key=_order)


@dataclass(slots=True)
class Spread:
    """A measure over many pages or paragraphs."""

    bins: Counter[int] = field(default_factory=Counter)
    other: int = 0
    """Values that are no finite numbers."""
    edges: dict[float, tuple[Side, Side]] = field(default_factory=dict)
    """By threshold: what lies below it, and what is equal or above."""

    @property
    def count(self) -> int:
        """How many finite values there are."""
        return self.bins.total()

    def add(self, other: "Spread") -> None:
        """Take over what another process saw."""
        self.bins.update(other.bins)
        self.other += other.other
        for threshold, sides in other.edges.items():
            for mine, theirs in zip(self.sides(threshold), sides, strict=True):
                mine.add(theirs)

    def sides(self, threshold: float) -> tuple[Side, Side]:
        """Below the threshold, and from it on."""
        if threshold not in self.edges:
            self.edges[threshold] = (Side(), Side())
        return self.edges[threshold]

    def quantile(self, share: float) -> float:
        """The lower end of the bin in which a share of all values is reached; 0 without values."""
        left = share * self.count
        for index in sorted(self.bins):
            left -= self.bins[index]
            if left <= 0:
                return bin_edges(index)[0]
        return 0.0

    def to_json(self) -> dict[str, Any]:
        """As JSON has it; `from_json` reads it back."""
        edges = {
            repr(threshold): [{"count": side.count, "samples": side.samples} for side in sides]
            for threshold, sides in sorted(self.edges.items())
        }
        return {
            "bins": {str(index): self.bins[index] for index in sorted(self.bins)},
            "other": self.other,
            "edges": edges,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Spread":
        """What `to_json` wrote."""
        bins = Counter({int(index): count for index, count in values["bins"].items()})
        edges = {
            float(threshold): (_side_from_json(below), _side_from_json(above))
            for threshold, (below, above) in values["edges"].items()
        }
        return cls(bins, values["other"], edges)


def _side_from_json(values: Mapping[str, Any]) -> Side:
    return Side(values["count"], [(distance, key, sample) for distance, key, sample in values["samples"]])


def _order(sample: tuple[float, int, Sample]) -> tuple[float, int]:
    return sample[:2]
