"""One recipe with several seeds: the mean of each score, and how much of it was luck."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def spread(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Of every number that all runs have: `mean`, `std` (of a sample, n - 1 below; left out for one run), `min`,
    `max` and the number of `runs`."""
    names = [name for name, value in runs[0].items() if _is_number(value)] if runs else []
    return {
        name: _figures(np.array([run[name] for run in runs], dtype=np.float64))
        for name in names
        if all(_is_number(run.get(name)) for run in runs)
    }


def _figures(values: np.ndarray) -> dict[str, float]:
    figures = {"mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}
    deviation = {"std": float(values.std(ddof=1))} if len(values) > 1 else {}
    return {**figures, **deviation, "runs": len(values)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
