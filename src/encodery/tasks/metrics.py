"""Scores of predictions against what is true."""

from collections.abc import Sequence
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
    precision = _ratio(hits, guesses)
    recall = _ratio(hits, support)
    f1 = _ratio(2 * hits, support + guesses)
    return {
        "accuracy": float(hits.sum() / confusion.sum()),
        "macro_f1": float(f1.mean()),
        "matthews": _matthews(confusion),
        "per_label": {
            label: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, label in enumerate(labels)
        },
        "confusion": confusion.tolist(),
    }


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
