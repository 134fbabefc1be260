"""Scores by hand, at the corners, and against scikit-learn."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import classification_scores


def test_scores_by_hand() -> None:
    """Positive: 3 hits, 1 missed, 2 false alarms; 5 true negatives."""
    true = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    predicted = [1, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0]
    scores = classification_scores(predicted, true, ("no", "yes"))
    assert scores["accuracy"] == pytest.approx(8 / 11)
    assert scores["confusion"] == [[5, 2], [1, 3]]
    assert scores["per_label"] == {
        "no": {
            "precision": pytest.approx(5 / 6),
            "recall": pytest.approx(5 / 7),
            "f1": pytest.approx(10 / 13),
            "support": 7,
        },
        "yes": {
            "precision": pytest.approx(3 / 5),
            "recall": pytest.approx(3 / 4),
            "f1": pytest.approx(2 / 3),
            "support": 4,
        },
    }
    assert scores["macro_f1"] == pytest.approx((10 / 13 + 2 / 3) / 2)
    assert scores["matthews"] == pytest.approx((3 * 5 - 2 * 1) / math.sqrt(5 * 4 * 7 * 6))


@pytest.mark.parametrize(
    ("predicted", "true", "accuracy", "matthews"),
    [
        ([0, 1, 2], [0, 1, 2], 1.0, 1.0),
        ([1, 0, 1, 0], [0, 1, 0, 1], 0.0, -1.0),
        ([0, 0, 0], [0, 1, 2], 1 / 3, 0.0),
        ([0, 0, 0], [0, 0, 0], 1.0, 0.0),
    ],
    ids=["all right", "all wrong", "always the same", "only one class"],
)
def test_the_ends_of_the_scales(predicted: list[int], true: list[int], accuracy: float, matthews: float) -> None:
    scores = classification_scores(predicted, true, ("a", "b", "c"))
    assert scores["accuracy"] == pytest.approx(accuracy)
    assert scores["matthews"] == pytest.approx(matthews)


def test_a_label_that_nobody_used_counts_as_zero() -> None:
    scores = classification_scores([0, 1], [0, 1], ("a", "b", "c"))
    assert scores["per_label"]["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert scores["macro_f1"] == pytest.approx(2 / 3)


def test_numbers_are_plain_so_that_they_can_be_written_as_json() -> None:
    scores = classification_scores([0, 1, 1], [0, 1, 0], ("a", "b"))
    assert {type(scores[name]) for name in ("accuracy", "macro_f1", "matthews")} == {float}
    assert {type(value) for figures in scores["per_label"].values() for value in figures.values()} == {float, int}
    assert {type(value) for row in scores["confusion"] for value in row} == {int}


PAIRS = st.integers(2, 7).flatmap(
    lambda size: st.tuples(
        st.just(size), st.lists(st.tuples(*[st.integers(0, size - 1)] * 2), min_size=1, max_size=101)
    )
)


@settings(max_examples=53)
@given(PAIRS)
def test_scores_equal_those_of_scikit_learn(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    sklearn: Any = pytest.importorskip("sklearn.metrics")
    size, pairs = drawn
    predicted, true = (list(column) for column in zip(*pairs, strict=True))
    labels = list(range(size))
    scores = classification_scores(predicted, true, [f"label {i}" for i in labels])
    assert scores["accuracy"] == pytest.approx(sklearn.accuracy_score(true, predicted))
    macro = sklearn.f1_score(true, predicted, labels=labels, average="macro", zero_division=0)
    assert scores["macro_f1"] == pytest.approx(macro)
    assert scores["confusion"] == sklearn.confusion_matrix(true, predicted, labels=labels).tolist()
    columns = sklearn.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=0)
    for figures, expected in zip(scores["per_label"].values(), zip(*columns, strict=True), strict=True):
        assert list(figures.values()) == pytest.approx(list(expected))
    if len({*predicted, *true}) > 1:  # undefined otherwise: scikit-learn warns
        assert scores["matthews"] == pytest.approx(sklearn.matthews_corrcoef(true, predicted), abs=1e-9)
