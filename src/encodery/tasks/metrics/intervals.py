"""How far a score would be off on other examples of the same kind: the bootstrap (Efron 1979)."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from encodery.tasks.metrics.measurement import Figures, Measurement

RESAMPLES = 1000
CONFIDENCE = 0.95
BLOCK = 1 << 17
"""Weights that are drawn at once: 1 MB, which stays in the cache."""


def resamples(examples: int, count: int, seed: int) -> Iterator[Float[np.ndarray, "draws examples"]]:
    """`count` draws of as many examples as there are, with replacement, in blocks: how often each was drawn."""
    if not examples:
        yield np.zeros((count, 0))
        return
    generator = np.random.default_rng(seed)
    at_once = max(1, BLOCK // examples)
    for start in range(0, count, at_once):
        draws = min(at_once, count - start)
        places = generator.integers(examples, size=(draws, examples)) + examples * np.arange(draws)[:, None]
        yield np.bincount(places.ravel(), minlength=draws * examples).reshape(draws, examples).astype(np.float64)


def bootstrap(measurement: Measurement, count: int = RESAMPLES, seed: int = 0) -> Figures:
    """Every figure on `count` resamples of the examples. The same seed draws the same examples."""
    return collect(measurement.figures(weights) for weights in resamples(len(measurement), count, seed))


def collect(blocks: Iterator[Figures]) -> Figures:
    """The figures of several blocks of draws as one."""
    parts = list(blocks)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def intervals(
    measurement: Measurement, count: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of every figure: its lower and upper end. Figures that are undefined are left out."""
    drawn = bootstrap(measurement, count, seed)
    return {name: interval(values, confidence) for name, values in drawn.items() if not np.isnan(values).all()}


def interval(values: Float[np.ndarray, " draws"], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The middle `confidence` of the values, leaving out those that are undefined."""
    outside = (1 - confidence) / 2
    low, high = np.nanquantile(values, [outside, 1 - outside])
    return float(low), float(high)
