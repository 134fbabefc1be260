"""Scores of groups of examples, and their average over the groups: of languages, a small one counts as much as a
large one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from encodery.tasks.metrics.intervals import RESAMPLES, bootstrap, interval
from encodery.tasks.metrics.measurement import Figures, Measurement, scores

Groups = Mapping[str, Sequence[int]]
"""The places of the examples that are in each group; one may be in several."""


def rows_of(keys: Iterable[str]) -> dict[str, list[int]]:
    """The examples of each key, in the order of first occurrence; there is one key for each example."""
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return rows


def group_scores(
    measurement: Measurement, groups: Groups, figures: Sequence[str], count: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Of each group how many `examples` it has, these figures (undefined ones left out) and their `intervals`."""
    found = {}
    for name, rows in groups.items():
        part = measurement.take(np.array(rows, dtype=np.int64))
        found[name] = _scored(len(rows), scores(part), bootstrap(part, count, seed), figures)
    return found


def average_scores(
    measurement: Measurement, groups: Groups, figures: Sequence[str], count: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """The means over the groups of the figures that all of them have, in the same form. The examples of each group
    are drawn on their own: the interval says what other examples in the same groups would do, not what other groups
    would."""
    parts = [measurement.take(np.array(rows, dtype=np.int64)) for rows in groups.values()]
    values = [scores(part) for part in parts]
    drawn = [bootstrap(part, count, seed + i) for i, part in enumerate(parts)]
    common = [name for name in figures if values and all(name in found for found in values)]
    means = {name: float(np.mean([found[name] for found in values])) for name in common}
    both = {name: np.mean([draws[name] for draws in drawn], axis=0) for name in common}
    return _scored(sum(map(len, groups.values())), means, both, common)


def _scored(examples: int, values: Mapping[str, float], drawn: Figures, figures: Sequence[str]) -> dict[str, Any]:
    known = [name for name in figures if name in values]
    ends = {name: [*interval(drawn[name])] for name in known}
    return {"examples": examples, **{name: values[name] for name in known}, "intervals": ends}
