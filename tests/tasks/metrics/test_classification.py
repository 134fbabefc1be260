"""Scores by hand, at the corners, and against scikit-learn."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import (
    Confusion,
    Measurement,
    classification_scores,
    multi_label_measurement,
    multi_label_scores,
)
from encodery.tasks.metrics import (
    scores as scores_of,
)


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


def test_several_labels_by_hand() -> None:
    true = [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]]
    predicted = [[1, 0, 1], [0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]]
    scores = multi_label_scores(predicted, true, ("a", "b", "c"))
    assert scores["exact_match"] == pytest.approx(2 / 5)
    assert scores["micro_f1"] == pytest.approx(2 * 3 / (6 + 5))
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert scores["per_label"]["b"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2}


def test_no_labels_at_all() -> None:
    scores = multi_label_scores([[0, 0]], [[0, 0]], ("a", "b"))
    assert (scores["exact_match"], scores["micro_f1"], scores["macro_f1"]) == (1.0, 0.0, 0.0)


ROWS = st.integers(1, 5).flatmap(
    lambda size: st.lists(
        st.tuples(*[st.lists(st.integers(0, 1), min_size=size, max_size=size)] * 2), min_size=1, max_size=53
    )
)


@settings(max_examples=53)
@given(ROWS)
def test_scores_of_several_labels_equal_those_of_scikit_learn(pairs: list[tuple[list[int], list[int]]]) -> None:
    sklearn: Any = pytest.importorskip("sklearn.metrics")
    predicted, true = ([row[side] for row in pairs] for side in (0, 1))
    size = len(true[0])
    scores = multi_label_scores(predicted, true, [f"label {i}" for i in range(size)])
    assert scores["exact_match"] == pytest.approx(sum(found == right for found, right in pairs) / len(pairs))
    flat = [[value for row in rows for value in row] for rows in (true, predicted)]
    assert scores["micro_f1"] == pytest.approx(sklearn.f1_score(*flat, zero_division=0))
    columns = [list(zip(*rows, strict=True)) for rows in (true, predicted)]
    for figures, right, found in zip(scores["per_label"].values(), *columns, strict=True):
        options = {"average": "binary", "zero_division": 0}
        precision, recall, f1, _ = sklearn.precision_recall_fscore_support(right, found, **options)
        assert figures == pytest.approx({"precision": precision, "recall": recall, "f1": f1, "support": sum(right)})
    if size > 1:  # a single column is no multi-label problem to it
        averages = sklearn.f1_score(true, predicted, average="macro", zero_division=0)
        assert scores["macro_f1"] == pytest.approx(averages)


def weigh_by_hand(measurement: Measurement, weights: list[int]) -> None:
    """Examples that count several times are the same as examples that are there several times."""
    repeated = measurement.take(np.repeat(np.arange(len(weights)), weights))
    figures = measurement.figures(np.array([weights, weights], dtype=np.float64))
    for name, value in scores_of(repeated).items():
        assert figures[name].tolist() == pytest.approx([value, value]), name


@settings(max_examples=53)
@given(PAIRS, st.data())
def test_weights_of_classes_are_repetitions(drawn: tuple[int, list[tuple[int, int]]], data: st.DataObject) -> None:
    size, pairs = drawn
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)).filter(any))
    predicted, true = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    weigh_by_hand(Confusion(predicted, true, size), weights)


@settings(max_examples=53)
@given(ROWS, st.data())
def test_weights_of_label_sets_are_repetitions(pairs: list[tuple[list[int], list[int]]], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)).filter(any))
    predicted, true = ([row[side] for row in pairs] for side in (0, 1))
    weigh_by_hand(multi_label_measurement(predicted, true, [f"label {i}" for i in range(len(true[0]))]), weights)


def test_a_million_pairs_of_a_thousand_classes_fit() -> None:
    """No array of examples times classes is made."""
    classes = np.arange(1_000_003, dtype=np.int64) % 1009
    assert scores_of(Confusion(classes, classes, 1009)) == {"accuracy": 1.0, "macro_f1": 1.0, "matthews": 1.0}


def test_of_no_examples_nothing_is_known() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert scores_of(Confusion(none, none, 2)) == {"macro_f1": 0.0, "matthews": 0.0}


def test_joined_classes_are_those_of_both() -> None:
    first = Confusion(np.array([0, 1]), np.array([0, 0]), 2)
    second = Confusion(np.array([1]), np.array([1]), 2)
    assert scores_of(first.join(second))["accuracy"] == pytest.approx(2 / 3)
