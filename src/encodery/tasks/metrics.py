"""Scores of predictions against what is true."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def classification_scores(predicted: Sequence[int], true: Sequence[int], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro-averaged F1, Matthews correlation, and precision, recall, F1 and support of each label.

    A label that is neither predicted nor true counts as F1 = 0 in the average, as in scikit-learn.
    """
    size = len(labels)
    confusion = np.zeros((size, size), dtype=np.int64)  # rows: true, columns: predicted
    np.add.at(confusion, (np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)), 1)
    hits, support, guesses = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    per_label = _per_label(hits, guesses, support, labels)
    return {
        "accuracy": float(hits.sum() / confusion.sum()),
        "macro_f1": _macro_f1(per_label),
        "matthews": _matthews(confusion),
        "per_label": per_label,
        "confusion": confusion.tolist(),
    }


def multi_label_scores(
    predicted: Sequence[Sequence[int | float]], true: Sequence[Sequence[int | float]], labels: Sequence[str]
) -> dict[str, Any]:
    """Micro- and macro-averaged F1, the share of rows that are right as a whole (exact match), and the figures of
    each label; rows hold 1 for the labels that are given and 0 for the others.

    A label that is neither predicted nor true counts as F1 = 0 in the macro average, as in scikit-learn.
    """
    guessed, given = (np.asarray(rows, dtype=bool).reshape(-1, len(labels)) for rows in (predicted, true))
    hits, support, guesses = (guessed & given).sum(0), given.sum(0), guessed.sum(0)
    per_label = _per_label(hits, guesses, support, labels)
    return {
        "micro_f1": float(2 * hits.sum() / max(1, support.sum() + guesses.sum())),
        "macro_f1": _macro_f1(per_label),
        "exact_match": float((guessed == given).all(1).mean()),
        "per_label": per_label,
    }


def regression_scores(predicted: Sequence[float], true: Sequence[float]) -> dict[str, Any]:
    """Pearson's and Spearman's correlation and the mean squared error; a correlation with a constant is 0."""
    guessed, given = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    return {
        "pearson": _pearson(guessed, given),
        "spearman": _pearson(_ranks(guessed), _ranks(given)),
        "mse": float(((guessed - given) ** 2).mean()),
    }


def _pearson(first: np.ndarray, second: np.ndarray) -> float:
    if not np.ptp(first) or not np.ptp(second):  # told before a rounded mean makes differences of nothing
        return 0.0
    first, second = first - first.mean(), second - second.mean()
    first, second = first / np.abs(first).max(), second / np.abs(second).max()  # products stay within float64
    return float(np.clip(first @ second / np.sqrt((first @ first) * (second @ second)), -1.0, 1.0))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places in ascending order; equal values share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _per_label(
    hits: np.ndarray, guesses: np.ndarray, support: np.ndarray, labels: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    precision, recall, f1 = _ratio(hits, guesses), _ratio(hits, support), _ratio(2 * hits, support + guesses)
    return {
        label: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(support[i]),
        }
        for i, label in enumerate(labels)
    }


def _macro_f1(per_label: Mapping[str, Mapping[str, float | int]]) -> float:
    return float(np.mean([figures["f1"] for figures in per_label.values()]))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    ratio: np.ndarray = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return ratio


def _matthews(confusion: np.ndarray) -> float:
    """Matthews correlation for any number of classes (Gorodkin 2004); 0 where it is undefined."""
    total, hits = confusion.sum(), np.trace(confusion)
    true, guessed = confusion.sum(1), confusion.sum(0)
    covariance = float(hits * total - true @ guessed)
    spread = float(total**2 - true @ true) * float(total**2 - guessed @ guessed)
    return covariance / spread**0.5 if spread else 0.0


def entity_scores(
    predicted: Sequence[Sequence[tuple[int, int, str]]],
    true: Sequence[Sequence[tuple[int, int, str]]],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Micro-averaged precision, recall and F1 of entities, and the figures of each label: start, end and label must
    be right."""
    counts = np.zeros((3, len(labels)), np.int64)
    for guessed, given in zip(predicted, true, strict=True):
        for row, spans in enumerate((set(guessed) & set(given), set(guessed), set(given))):
            for _, _, label in spans:
                counts[row, labels.index(label)] += 1
    hits, guesses, support = counts
    total = [int(row.sum()) for row in counts]
    return {
        "precision": total[0] / max(1, total[1]),
        "recall": total[0] / max(1, total[2]),
        "f1": 2 * total[0] / max(1, total[1] + total[2]),
        "per_label": _per_label(hits, guesses, support, labels),
    }
