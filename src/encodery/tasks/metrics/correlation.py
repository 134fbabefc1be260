"""Numbers: Pearson's and Spearman's correlation and the squared error, and cosine similarity of vectors to have
numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from encodery.tasks.metrics.measurement import Figures, Measurement
from encodery.tasks.metrics.ratios import ratio


@dataclass(frozen=True)
class Correlation:
    """Pairs of a predicted and a true number. No `Sums`: ranks change with the examples that are there."""

    predicted: Float[np.ndarray, " examples"]
    true: Float[np.ndarray, " examples"]

    def __len__(self) -> int:
        return len(self.true)

    def figures(self, weights: Float[np.ndarray, "draws examples"]) -> Figures:
        """`pearson`, `spearman` and `mse`. A correlation with a constant is 0."""
        total = weights.sum(-1)
        counts = [_grouped(weights, groups) for groups in self._groups]
        constant = np.any([np.max(count, axis=-1) == total for count in counts], axis=0)
        ranks = [_ranks(count)[:, groups.place] for count, groups in zip(counts, self._groups, strict=True)]
        middle = (total / 2 + 0.5)[:, None]
        spearman = _correlate(weights, ranks[0] - middle, ranks[1] - middle)
        pearson = _correlate(weights, *(self._centered(values, weights) for values in (self.predicted, self.true)))
        return {
            "pearson": np.where(constant, 0.0, pearson),
            "spearman": np.where(constant, 0.0, spearman),
            "mse": ratio(weights @ (self.predicted - self.true) ** 2, total, np.nan),
        }

    def take(self, rows: Int64[np.ndarray, " rows"]) -> "Correlation":
        return Correlation(self.predicted[rows], self.true[rows])

    def join(self, other: Measurement) -> "Correlation":
        assert isinstance(other, Correlation)
        return Correlation(np.concatenate([self.predicted, other.predicted]), np.concatenate([self.true, other.true]))

    @cached_property
    def _groups(self) -> "tuple[_Groups, _Groups]":
        return _Groups.of(self.predicted), _Groups.of(self.true)

    @staticmethod
    def _centered(
        values: Float[np.ndarray, " examples"], weights: Float[np.ndarray, "draws examples"]
    ) -> Float[np.ndarray, "draws examples"]:
        """Less the mean of each draw, and of a size whose products stay within float64."""
        scale = float(np.abs(values).max(initial=0.0)) or 1.0
        scaled = values / scale
        return scaled - ratio(weights @ scaled, weights.sum(-1))[:, None]


@dataclass(frozen=True)
class _Groups:
    """Which values are equal, in ascending order."""

    order: Int64[np.ndarray, " examples"]
    place: Int64[np.ndarray, " examples"]
    starts: Int64[np.ndarray, " groups"]

    @classmethod
    def of(cls, values: Float[np.ndarray, " examples"]) -> "_Groups":
        order = np.argsort(values, kind="stable")
        _, first, place = np.unique(values[order], return_index=True, return_inverse=True)
        back = np.empty_like(order)
        back[order] = place
        return cls(order, back, first)


def _grouped(weights: Float[np.ndarray, "draws examples"], groups: _Groups) -> Float[np.ndarray, "draws groups"]:
    """The weight of each distinct value."""
    sums: np.ndarray = np.add.reduceat(weights[:, groups.order], groups.starts, axis=-1)
    return sums


def _ranks(counts: Float[np.ndarray, "draws groups"]) -> Float[np.ndarray, "draws groups"]:
    """Places in ascending order; equal values share the mean of theirs."""
    return np.cumsum(counts, axis=-1) - (counts - 1) / 2


def _correlate(
    weights: Float[np.ndarray, "draws examples"],
    first: Float[np.ndarray, "draws examples"],
    second: Float[np.ndarray, "draws examples"],
) -> Float[np.ndarray, " draws"]:
    """Of values whose mean is 0."""
    weighted = weights * first
    covariance = np.einsum("de,de->d", weighted, second)
    spread = np.einsum("de,de->d", weighted, first)
    other = np.einsum("de,de,de->d", weights, second, second)
    return np.clip(ratio(covariance, np.sqrt(spread) * np.sqrt(other)), -1.0, 1.0)


def regression_scores(predicted: Sequence[float], true: Sequence[float]) -> dict[str, Any]:
    """Pearson's and Spearman's correlation and the mean squared error; a correlation with a constant is 0."""
    guessed, given = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    figures = Correlation(guessed, given).figures(np.ones((1, len(given))))
    return {name: float(values[0]) for name, values in figures.items()}


def cosine_similarity(
    first: Float[np.ndarray, "pairs hidden"], second: Float[np.ndarray, "pairs hidden"]
) -> Float[np.ndarray, " pairs"]:
    """Of each pair of vectors, as float64; 0 where one of them is 0. With `Correlation` and people's judgements
    this is how semantic similarity is scored (STS; SICK relatedness)."""
    left, right = (np.asarray(vectors, dtype=np.float64) for vectors in (first, second))
    return ratio((left * right).sum(-1), np.linalg.norm(left, axis=-1) * np.linalg.norm(right, axis=-1))
