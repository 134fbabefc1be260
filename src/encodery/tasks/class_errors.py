"""Errors of classes and numbers: how wrong one prediction is, what is taken for what, which labels may be wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encodery.tasks.judging import Doubt, Matrix
from encodery.tasks.metrics import label_suspects


def error_of(prediction: Mapping[str, Any], true: Any) -> float:
    """How far off a number is; of labels, the probability that was given to the worst decision; 0 if all is right."""
    if isinstance(true, float):
        return float(abs(prediction["label"] - true))
    said, right = ({value} if isinstance(value, str) else set(value) for value in (prediction["label"], true))
    scores = prediction["scores"]
    return max((float(scores[name]) if name in said else 1 - scores[name] for name in said ^ right), default=0.0)


def in_words(label: Any) -> str:
    """A label as a person reads it."""
    if isinstance(label, float):
        return f"{label:.3g}"
    return label if isinstance(label, str) else ", ".join(label) or "none"


def confusion_matrix(predicted: Sequence[int], true: Sequence[int], labels: Sequence[str]) -> Matrix:
    """One of several classes."""
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, (np.asarray(true, dtype=np.int64), np.asarray(predicted, dtype=np.int64)), 1)
    rows = tuple(map(tuple, counts.tolist()))
    return Matrix("Texts by label: true (rows) and predicted", tuple(labels), tuple(labels), rows)


def decision_matrix(
    predicted: Sequence[Sequence[int | float]], true: Sequence[Sequence[int | float]], labels: Sequence[str]
) -> Matrix:
    """Of each of several labels, how it was decided."""
    said, right = (np.asarray(rows, dtype=bool).reshape(-1, len(labels)) for rows in (predicted, true))
    columns = [said & right, ~said & right, said & ~right, ~said & ~right]
    counts = np.stack([column.sum(0) for column in columns], axis=1).tolist()
    names = ("right", "missed", "spurious", "rightly absent")
    rows = tuple(map(tuple, counts))
    return Matrix("Texts by label and decision", tuple(labels), names, rows, names[:1], names[3])


def class_doubts(predictions: Sequence[Mapping[str, Any]], true: Sequence[int], labels: Sequence[str]) -> list[Doubt]:
    """Texts of which one class is stated and another may be meant."""
    stated = np.asarray(true, dtype=np.int64)
    found = label_suspects(_probabilities(predictions, labels), stated)
    return [Doubt(s.row, labels[stated[s.row]], labels[s.suggested], s.margin) for s in found]


def decision_doubts(
    predictions: Sequence[Mapping[str, Any]], true: Sequence[Sequence[int | float]], labels: Sequence[str]
) -> list[Doubt]:
    """Texts that may lack a label, or have one too many: each label is a question of its own with two answers."""
    probabilities = _probabilities(predictions, labels)
    given = np.asarray(true, dtype=np.int64).reshape(-1, len(labels))
    doubts = []
    for i, label in enumerate(labels):
        both = np.stack([1 - probabilities[:, i], probabilities[:, i]], axis=1)
        for suspect in label_suspects(both, given[:, i]):
            names = (f"not {label}", label)
            answer = suspect.suggested
            doubts.append(Doubt(suspect.row, names[1 - answer], names[answer], suspect.margin))
    return sorted(doubts, key=lambda doubt: -doubt.sureness)


def _probabilities(predictions: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> np.ndarray:
    rows = [[prediction["scores"][label] for label in labels] for prediction in predictions]
    return np.asarray(rows, dtype=np.float64).reshape(-1, len(labels))
