"""Whether one model is better than another on the same examples, or was lucky with them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from encodery.errors import UserError
from encodery.tasks.metrics.intervals import BLOCK, CONFIDENCE, RESAMPLES, bootstrap, collect, interval
from encodery.tasks.metrics.measurement import Figures, Measurement, scores


@dataclass(frozen=True)
class Difference:
    """One figure of two models."""

    first: float
    second: float
    difference: float
    """`second - first`: above 0 means that the second is higher."""
    low: float
    high: float
    """The bootstrap interval of the difference."""
    p_bootstrap: float
    """Two-sided: twice the smaller share of resamples in which the difference is at most 0, or at least 0."""
    p_randomization: float
    """Two-sided: how often a difference as large comes from exchanging the models' predictions at random."""


def difference(
    first: Measurement,
    second: Measurement,
    count: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> dict[str, Difference]:
    """Every figure: its difference, the interval and two p-values, over the same examples in the same order.

    The paired bootstrap (Efron and Tibshirani 1993; Koehn 2004) draws examples and asks how the difference varies;
    approximate randomization (Noreen 1989; Riezler and Maxwell 2005) asks how large it gets if the models are
    alike. Both count the observed data among the draws, so no p-value is 0.

    Raises:
        UserError: the numbers of examples or the figures differ.
    """
    if len(first) != len(second):
        raise UserError(
            f"the first model was measured on {len(first)} examples and the second on {len(second)}; "
            "a comparison needs the same examples in the same order: evaluate both on one file"
        )
    before, after = scores(first), scores(second)
    if before.keys() != after.keys():
        raise UserError(
            f"{', '.join(sorted(before.keys() ^ after.keys()))}: measured of one model only; "
            "measure both with the same labels"
        )
    drawn = [bootstrap(measurement, count, seed) for measurement in (first, second)]  # one seed: the same examples
    exchanged = collect(_exchanged(first, second, count, seed))
    return {
        name: _difference(before[name], after[name], drawn[1][name] - drawn[0][name], exchanged[name], confidence)
        for name in before
    }


def _difference(
    first: float, second: float, drawn: np.ndarray, exchanged: np.ndarray, confidence: float
) -> Difference:
    observed = second - first
    low, high = interval(drawn, confidence)
    drawn, exchanged = drawn[~np.isnan(drawn)], exchanged[~np.isnan(exchanged)]
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return Difference(
        first,
        second,
        observed,
        low,
        high,
        p_bootstrap=min(1.0, 2 * float(tail + 1) / (len(drawn) + 1)),
        p_randomization=_share_as_large(exchanged, observed),
    )


def _share_as_large(exchanged: np.ndarray, observed: float) -> float:
    """Rounding must not make an equal difference smaller."""
    as_large = np.abs(exchanged) >= abs(observed) - 1e-12
    return float(as_large.sum() + 1) / (len(exchanged) + 1)


def _exchanged(first: Measurement, second: Measurement, count: int, seed: int) -> Iterator[Figures]:
    """Differences after each example's predictions changed sides with probability one half."""
    both, examples = first.join(second), len(first)
    generator = np.random.default_rng([seed, 1])  # other numbers than the bootstrap's
    at_once = max(1, BLOCK // max(1, examples))
    for start in range(0, count, at_once):
        stay = generator.integers(2, size=(min(at_once, count - start), examples)).astype(np.float64)
        left = both.figures(np.concatenate([stay, 1 - stay], axis=1))
        right = both.figures(np.concatenate([1 - stay, stay], axis=1))
        yield {name: right[name] - left[name] for name in left}


def mcnemar(first: Bool[np.ndarray, " examples"], second: Bool[np.ndarray, " examples"]) -> float:
    """The exact two-sided p-value of McNemar's test (1947): two models, right or wrong on each example. Of the
    examples that one alone has right, each model should have half."""
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    total, least = only_first + only_second, min(only_first, only_second)
    tail = _binomial(total, np.arange(least + 1, dtype=np.int64)).sum()
    return min(1.0, 2 * float(tail))


def _binomial(total: int, hits: Int64[np.ndarray, " values"]) -> Float[np.ndarray, " values"]:
    """The probability of each number of heads in `total` throws of a coin."""
    ways = [math.lgamma(total + 1) - math.lgamma(k + 1) - math.lgamma(total - k + 1) for k in hits.tolist()]
    return np.exp(np.array(ways) - total * math.log(2))
