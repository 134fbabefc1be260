"""Scores by hand, at the corners, and against scikit-learn."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import classification_scores, multi_label_scores, regression_scores


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


def test_numbers_by_hand() -> None:
    scores = regression_scores([1.0, 2.0, 4.0, 3.0], [2.0, 4.0, 8.0, 6.0])
    assert scores == {"pearson": pytest.approx(1.0), "spearman": pytest.approx(1.0), "mse": pytest.approx(30 / 4)}
    assert regression_scores([1.0, 2.0, 3.0], [9.0, 4.0, 1.0])["spearman"] == pytest.approx(-1.0)
    assert {type(value) for value in scores.values()} == {float}


@pytest.mark.parametrize(("first", "second"), [([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]), ([1.0], [2.0])])
def test_a_constant_is_related_to_nothing(first: list[float], second: list[float]) -> None:
    for scores in (regression_scores(first, second), regression_scores(second, first)):
        assert (scores["pearson"], scores["spearman"]) == (0.0, 0.0)


NUMBERS = st.lists(st.tuples(*[st.integers(-1000, 1000).map(lambda n: n / 8)] * 2), min_size=2, max_size=53)


@settings(max_examples=53)
@given(NUMBERS)
def test_scores_of_numbers_equal_those_of_scipy(pairs: list[tuple[float, float]]) -> None:
    scipy: Any = pytest.importorskip("scipy.stats")
    predicted, true = (list(column) for column in zip(*pairs, strict=True))
    scores = regression_scores(predicted, true)
    assert scores["mse"] == pytest.approx(sum((a - b) ** 2 for a, b in pairs) / len(pairs))
    if len(set(predicted)) > 1 and len(set(true)) > 1:  # undefined otherwise: scipy warns
        assert scores["pearson"] == pytest.approx(scipy.pearsonr(predicted, true).statistic, abs=1e-9)
        assert scores["spearman"] == pytest.approx(scipy.spearmanr(predicted, true).statistic, abs=1e-9)
