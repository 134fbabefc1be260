"""When to say that there is no answer: scores at every threshold, the best threshold, precision and recall.

A question is left without an answer where its no-answer score is *above* the threshold, as in the official script
of SQuAD v2.0. Thresholds are possible between different scores only: where questions share a score, none stands
between them. (The official script may report one that does; without equal scores both agree.)
"""

import numpy as np
from jaxtyping import Bool, Float

Floats = Float[np.ndarray, " questions"]
Bools = Bool[np.ndarray, " questions"]


def threshold_curve(
    values: Floats, no_answer: Floats, has_answer: Bools, answered: Bools
) -> tuple[Float[np.ndarray, " thresholds"], Float[np.ndarray, " thresholds"]]:
    """Every threshold that makes a difference, ascending, and the mean of `values` (exact match or F1 of each
    question's best answer) that it gives. The first leaves every question without an answer."""
    order = np.argsort(no_answer, kind="stable")
    gained = np.where(has_answer, values, np.where(answered, -1.0, 0.0))[order]
    ascending = no_answer[order]
    ends = _ends(ascending)
    totals = np.cumsum(np.concatenate([[(~has_answer).sum()], gained]))
    thresholds = np.concatenate([[_below(ascending)], ascending[ends]])
    return thresholds, totals[np.concatenate([[0], ends + 1])] / len(values)


def best_threshold(values: Floats, no_answer: Floats, has_answer: Bools, answered: Bools) -> tuple[float, float]:
    """The threshold with the highest mean, the lowest of equal ones, and that mean."""
    thresholds, means = threshold_curve(values, no_answer, has_answer, answered)
    best = int(np.argmax(means))
    return float(thresholds[best]), float(means[best])


def precision_recall(
    values: Floats, no_answer: Floats, has_answer: Bools
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"], float]:
    """Precision and recall as the threshold rises from answering nothing, and average precision: as the official
    script, of exact match, of F1, or of `has_answer` itself. Some question must have an answer."""
    order = np.argsort(no_answer, kind="stable")
    ends = _ends(no_answer[order])
    right = np.cumsum(np.where(has_answer, values, 0.0)[order])[ends]
    precision = np.concatenate([[1.0], right / (ends + 1)])
    recall = np.concatenate([[0.0], right / has_answer.sum()])
    return precision, recall, float(precision[1:] @ np.diff(recall))


def _ends(ascending: Floats) -> np.ndarray:
    """The last place of each run of equal scores."""
    return np.append(np.flatnonzero(np.diff(ascending)), len(ascending) - 1)


def _below(ascending: Floats) -> float:
    """0 where the scores are probabilities, and else just below all."""
    return min(0.0, float(np.nextafter(ascending[0], -np.inf)))
