"""Errors of classes and numbers, by hand."""

from typing import Any

import pytest

from encodery.tasks.class_errors import (
    class_doubts,
    confusion_matrix,
    decision_doubts,
    decision_matrix,
    error_of,
    in_words,
)

LABELS = ("bad", "good", "neither")


def said(label: Any, *scores: float) -> dict[str, Any]:
    return {"label": label, "scores": dict(zip(LABELS, scores, strict=False))}


@pytest.mark.parametrize(
    ("prediction", "true", "error"),
    [
        (said("bad", 0.7, 0.2, 0.1), "bad", 0.0),
        (said("bad", 0.7, 0.2, 0.1), "good", 0.8),
        (said(["bad"], 0.7, 0.2, 0.1), ["bad"], 0.0),
        (said(["bad"], 0.7, 0.4, 0.1), ["bad", "good"], 0.6),
        (said([], 0.3, 0.4, 0.1), ["neither"], 0.9),
        (said(["bad", "good"], 0.6, 0.9, 0.1), [], 0.9),
        ({"label": 2.5, "scores": {}}, 4.0, 1.5),
    ],
)
def test_how_wrong(prediction: dict[str, Any], true: Any, error: float) -> None:
    assert error_of(prediction, true) == pytest.approx(error)


def test_labels_in_words() -> None:
    assert [in_words(label) for label in ("bad", ["bad", "good"], [], 2.0 / 3)] == [
        "bad",
        "bad, good",
        "none",
        "0.667",
    ]


def test_one_label_is_a_confusion() -> None:
    matrix = confusion_matrix([0, 1, 1, 2], [0, 0, 1, 1], LABELS)
    assert matrix.counts == ((1, 1, 0), (0, 1, 1), (0, 0, 0))
    assert matrix.is_right("good", "good")
    assert not matrix.is_neutral("good", "good")


def test_several_labels_are_decisions() -> None:
    matrix = decision_matrix([[1, 0], [1, 1], [0, 0]], [[1, 1], [0, 1], [0, 0]], LABELS[:2])
    assert matrix.columns == ("right", "missed", "spurious", "rightly absent")
    assert matrix.counts == ((1, 0, 1, 1), (1, 1, 0, 1))
    assert matrix.is_right("bad", "right")
    assert matrix.is_neutral("bad", "rightly absent")


def test_classes_in_doubt() -> None:
    predictions = [said("bad", 0.9, 0.1), said("bad", 0.7, 0.3), said("good", 0.2, 0.8), said("good", 0.4, 0.6)]
    (doubt,) = class_doubts(predictions, [0, 0, 0, 1], LABELS[:2])
    assert (doubt.row, doubt.stated, doubt.suggested) == (2, "bad", "good")
    assert doubt.sureness == pytest.approx(0.6)


def test_each_of_several_labels_is_doubted_on_its_own() -> None:
    predictions = [said(["bad"], 0.9, 0.1), said(["bad"], 0.95, 0.1), said([], 0.1, 0.1), said([], 0.05, 0.9)]
    true = [[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    found = [(doubt.row, doubt.stated, doubt.suggested) for doubt in decision_doubts(predictions, true, LABELS[:2])]
    assert found == [(1, "not bad", "bad"), (2, "bad", "not bad")]
    assert decision_doubts([], [], LABELS) == []
