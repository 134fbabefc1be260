"""The same scores for parts of the examples: by language, source, label, length."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from encodery.tasks.metrics.intervals import RESAMPLES, intervals
from encodery.tasks.metrics.measurement import Measurement, scores

EDGES = (16, 32, 64, 128, 256, 512)


def slice_scores(
    measurement: Measurement, keys: Sequence[Hashable], count: int = RESAMPLES, seed: int = 0
) -> dict[Hashable, dict[str, Any]]:
    """For each key, in the order of first occurrence, the scores of its examples, how many they are (`examples`),
    and the `intervals` of the scores; `count = 0` leaves the intervals out. There is one key for each example."""
    rows: dict[Hashable, list[int]] = {}
    for row, key in zip(range(len(measurement)), keys, strict=True):
        rows.setdefault(key, []).append(row)
    return {key: _scored(measurement.take(np.array(part, dtype=np.int64)), count, seed) for key, part in rows.items()}


def _scored(part: Measurement, count: int, seed: int) -> dict[str, Any]:
    figures: dict[str, Any] = {"examples": len(part), **scores(part)}
    return {**figures, "intervals": intervals(part, count, seed)} if count else figures


def length_slices(lengths: Sequence[int], edges: Sequence[int] = EDGES) -> list[str]:
    """A key for each length, as `17–32`: up to and including each edge. In words, tokens or characters, as the
    lengths are."""
    starts = [0, *(edge + 1 for edge in edges)]
    names = [f"{start}–{edge}" for start, edge in zip(starts, edges, strict=False)] + [f"{starts[-1]}–"]
    return [names[int(place)] for place in np.searchsorted(edges, lengths, side="left")]
