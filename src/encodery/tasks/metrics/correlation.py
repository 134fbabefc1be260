"""Numbers: Pearson's and Spearman's correlation and the squared error, and cosine similarity of vectors to have
numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    suffix: str = ""
    """Behind the names of the correlations."""

    def __len__(self) -> int:
        return len(self.true)

    def figures(self, weights: Float[np.ndarray, "draws examples"]) -> Figures:
        """`pearson`, `spearman` and `mse`. A correlation with a constant is 0."""
        total = weights.sum(-1)
        counts, ranks = zip(*(groups.ranks(weights) for groups in self._groups), strict=True)
        constant = np.any([np.max(count, axis=-1, initial=0.0) == total for count in counts], axis=0)
        return {
            f"pearson{self.suffix}": np.where(constant, 0.0, self._pearson(weights, total)),
            f"spearman{self.suffix}": np.where(constant, 0.0, self._spearman(weights, counts, ranks)),
            "mse": ratio(weights @ (self.predicted - self.true) ** 2, total, np.nan),
        }

    def _pearson(
        self, weights: Float[np.ndarray, "draws examples"], total: Float[np.ndarray, " draws"]
    ) -> Float[np.ndarray, " draws"]:
        """By sums: the numbers are centered, so the mean of a draw is near 0 and nothing cancels."""
        sums = weights @ self._products / np.maximum(total, 1.0)[:, None]
        first, second, first_square, second_square, product = sums.T
        return _correlation(product - first * second, first_square - first**2, second_square - second**2)

    def _spearman(
        self, weights: Float[np.ndarray, "draws examples"], counts: Sequence[np.ndarray], ranks: Sequence[np.ndarray]
    ) -> Float[np.ndarray, " draws"]:
        """Squares of ranks are summed over distinct values; only their products need every example."""
        spreads = (np.einsum("dg,dg,dg->d", count, rank, rank) for count, rank in zip(counts, ranks, strict=True))
        first, second = (
            np.take(rank, groups.place, axis=-1) for rank, groups in zip(ranks, self._groups, strict=True)
        )
        return _correlation(np.einsum("de,de,de->d", weights, first, second), *spreads)

    def take(self, rows: Int64[np.ndarray, " rows"]) -> "Correlation":
        return replace(self, predicted=self.predicted[rows], true=self.true[rows])

    def join(self, other: Measurement) -> "Correlation":
        assert isinstance(other, Correlation)
        predicted, true = (
            np.concatenate(sides) for sides in ((self.predicted, other.predicted), (self.true, other.true))
        )
        return replace(self, predicted=predicted, true=true)

    @cached_property
    def _groups(self) -> "tuple[_Groups, _Groups]":
        return _Groups.of(self.predicted), _Groups.of(self.true)

    @cached_property
    def _products(self) -> Float[np.ndarray, "examples 5"]:
        first, second = _centered(self.predicted), _centered(self.true)
        return np.stack([first, second, first**2, second**2, first * second], axis=1)


@dataclass(frozen=True)
class _Groups:
    """Which values are equal, in ascending order."""

    order: Int64[np.ndarray, " examples"]
    place: Int64[np.ndarray, " examples"]
    """The group of each example."""
    last: Int64[np.ndarray, " groups"]
    """The place in the order of the last of each group."""

    @classmethod
    def of(cls, values: Float[np.ndarray, " examples"]) -> "_Groups":
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        return cls(np.argsort(values, kind="stable"), place, np.cumsum(counts) - 1)

    def ranks(
        self, weights: Float[np.ndarray, "draws examples"]
    ) -> tuple[Float[np.ndarray, "draws groups"], Float[np.ndarray, "draws groups"]]:
        """How often each distinct value counts, and its place in ascending order less the middle place; equal values
        share the mean of theirs."""
        upto = np.take(np.cumsum(np.take(weights, self.order, axis=-1), axis=-1), self.last, axis=-1)
        counts = np.diff(upto, axis=-1, prepend=0.0)
        middle = weights.sum(-1, keepdims=True) / 2
        return counts, upto - counts / 2 - middle


def _centered(values: Float[np.ndarray, " examples"]) -> Float[np.ndarray, " examples"]:
    """With the mean 0, and of a size whose products stay within float64."""
    for _ in range(2):  # what is left of the mean after the first time is what was rounded off
        values = values / (float(np.abs(values).max(initial=0.0)) or 1.0)
        values = values - (values.mean() if len(values) else 0.0)
    return values


def _correlation(covariance: np.ndarray, spread: np.ndarray, other: np.ndarray) -> Float[np.ndarray, " draws"]:
    product = np.sqrt(np.maximum(spread, 0.0)) * np.sqrt(np.maximum(other, 0.0))
    correlation: np.ndarray = np.clip(ratio(covariance, product), -1.0, 1.0)
    return correlation


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
