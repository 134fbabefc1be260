"""Classes: accuracy, F1, Matthews correlation, for one label a text or any number of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from encodery.tasks.metrics.measurement import Figures, Measurement, Sums, scores
from encodery.tasks.metrics.ratios import ratio


@dataclass(frozen=True)
class Confusion:
    """One of several classes for each example. A measurement of its own and no `Sums`: with thousands of classes,
    columns for each would be larger than the data."""

    predicted: Int64[np.ndarray, " examples"]
    true: Int64[np.ndarray, " examples"]
    size: int
    """How many classes there are."""

    def __len__(self) -> int:
        return len(self.true)

    def figures(self, weights: Float[np.ndarray, "draws examples"]) -> Figures:
        """`accuracy`, `macro_f1` and `matthews`."""
        hits = self._by_class(weights * (self.predicted == self.true), self.true)
        support, guesses = self._by_class(weights, self.true), self._by_class(weights, self.predicted)
        return {
            "accuracy": ratio(hits.sum(-1), support.sum(-1), np.nan),
            "macro_f1": ratio(2 * hits, support + guesses).mean(-1),
            "matthews": _matthews(hits, support, guesses),
        }

    def take(self, rows: Int64[np.ndarray, " rows"]) -> "Confusion":
        return Confusion(self.predicted[rows], self.true[rows], self.size)

    def join(self, other: Measurement) -> "Confusion":
        assert isinstance(other, Confusion)
        predicted = np.concatenate([self.predicted, other.predicted])
        return Confusion(predicted, np.concatenate([self.true, other.true]), max(self.size, other.size))

    def _by_class(
        self, weights: Float[np.ndarray, "draws examples"], classes: Int64[np.ndarray, " examples"]
    ) -> Float[np.ndarray, "draws classes"]:
        draws = len(weights)
        places = classes + self.size * np.arange(draws)[:, None]
        sums = np.bincount(places.ravel(), weights.ravel(), draws * self.size)
        return sums.astype(np.float64).reshape(draws, self.size)  # of no examples it would be whole numbers


def classification_scores(predicted: Sequence[int], true: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy (which is also micro-averaged F1), macro-averaged F1, Matthews correlation, and precision, recall,
    F1 and support of each label.

    A label that is neither predicted nor true counts as F1 = 0 in the average, as in scikit-learn.
    """
    guessed, given = np.asarray(predicted, dtype=np.int64), np.asarray(true, dtype=np.int64)
    size = len(labels)
    confusion = np.zeros((size, size), dtype=np.int64)  # rows: true, columns: predicted
    np.add.at(confusion, (given, guessed), 1)
    return {
        **scores(Confusion(guessed, given, size)),
        "per_label": per_label(np.diag(confusion), confusion.sum(0), confusion.sum(1), labels),
        "confusion": confusion.tolist(),
    }


def multi_label_measurement(
    predicted: Sequence[Sequence[int | float]], true: Sequence[Sequence[int | float]], labels: Sequence[str]
) -> Sums:
    """`micro_f1`, `macro_f1` and `exact_match`; rows hold 1 for the labels that are given and 0 for the others."""
    size = len(labels)
    guessed, given = (np.asarray(rows, dtype=bool).reshape(-1, size) for rows in (predicted, true))
    exact, one = (guessed == given).all(1, keepdims=True), np.ones((len(given), 1))

    def formula(sums: np.ndarray) -> Figures:
        hits, support, guesses = (sums[:, i * size : (i + 1) * size] for i in range(3))
        return {
            "micro_f1": ratio(2 * hits.sum(-1), support.sum(-1) + guesses.sum(-1)),
            "macro_f1": ratio(2 * hits, support + guesses).mean(-1),
            "exact_match": ratio(sums[:, -2], sums[:, -1], np.nan),
        }

    return Sums(np.concatenate([guessed & given, given, guessed, exact, one], axis=1).astype(np.float64), formula)


def multi_label_scores(
    predicted: Sequence[Sequence[int | float]], true: Sequence[Sequence[int | float]], labels: Sequence[str]
) -> dict[str, Any]:
    """Micro- and macro-averaged F1, the share of rows that are right as a whole (exact match), and the figures of
    each label; rows hold 1 for the labels that are given and 0 for the others.

    A label that is neither predicted nor true counts as F1 = 0 in the macro average, as in scikit-learn.
    """
    measurement = multi_label_measurement(predicted, true, labels)
    hits, support, guesses = measurement.columns.sum(0)[: 3 * len(labels)].reshape(3, -1)
    return {**scores(measurement), "per_label": per_label(hits, guesses, support, labels)}


def per_label(
    hits: np.ndarray, guesses: np.ndarray, support: np.ndarray, labels: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """Precision, recall, F1 and support of each label."""
    precision, recall, f1 = ratio(hits, guesses), ratio(hits, support), ratio(2 * hits, support + guesses)
    return {
        label: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(support[i]),
        }
        for i, label in enumerate(labels)
    }


def _matthews(hits: np.ndarray, support: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """Matthews correlation for any number of classes (Gorodkin 2004); 0 where it is undefined."""
    total = support.sum(-1)
    covariance = hits.sum(-1) * total - (support * guesses).sum(-1)
    spread = (total**2 - (support**2).sum(-1)) * (total**2 - (guesses**2).sum(-1))
    return ratio(covariance, np.sqrt(spread))
