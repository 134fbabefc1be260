"""Correlations by hand, at the corners, on resamples, and against scipy."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import Correlation, cosine_similarity, regression_scores, scores


def test_numbers_by_hand() -> None:
    figures = regression_scores([1.0, 2.0, 4.0, 3.0], [2.0, 4.0, 8.0, 6.0])
    assert figures == {"pearson": pytest.approx(1.0), "spearman": pytest.approx(1.0), "mse": pytest.approx(30 / 4)}
    assert regression_scores([1.0, 2.0, 3.0], [9.0, 4.0, 1.0])["spearman"] == pytest.approx(-1.0)
    assert {type(value) for value in figures.values()} == {float}


@pytest.mark.parametrize(("first", "second"), [([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]), ([1.0], [2.0])])
def test_a_constant_is_related_to_nothing(first: list[float], second: list[float]) -> None:
    for figures in (regression_scores(first, second), regression_scores(second, first)):
        assert (figures["pearson"], figures["spearman"]) == (0.0, 0.0)


NUMBERS = st.lists(st.tuples(*[st.integers(-1000, 1000).map(lambda n: n / 8)] * 2), min_size=2, max_size=53)


@settings(max_examples=53)
@given(NUMBERS)
def test_scores_of_numbers_equal_those_of_scipy(pairs: list[tuple[float, float]]) -> None:
    scipy: Any = pytest.importorskip("scipy.stats")
    predicted, true = (list(column) for column in zip(*pairs, strict=True))
    figures = regression_scores(predicted, true)
    assert figures["mse"] == pytest.approx(sum((a - b) ** 2 for a, b in pairs) / len(pairs))
    if len(set(predicted)) > 1 and len(set(true)) > 1:  # undefined otherwise: scipy warns
        assert figures["pearson"] == pytest.approx(scipy.pearsonr(predicted, true).statistic, abs=1e-9)
        assert figures["spearman"] == pytest.approx(scipy.spearmanr(predicted, true).statistic, abs=1e-9)


@settings(max_examples=53)
@given(NUMBERS, st.data())
def test_weights_are_repetitions(pairs: list[tuple[float, float]], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(pairs), max_size=len(pairs)).filter(any))
    measured = Correlation(*np.array(pairs).T)
    figures = measured.figures(np.array([weights, weights], dtype=np.float64))
    for name, value in scores(measured.take(np.repeat(np.arange(len(weights)), weights))).items():
        assert figures[name].tolist() == pytest.approx([value, value], abs=1e-9), name


def test_a_resample_of_one_value_is_related_to_nothing() -> None:
    measured = Correlation(np.array([0.1, 0.1, 7.0]), np.array([0.3, 0.5, 0.7]))
    figures = measured.figures(np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 1.0]]))
    assert figures["pearson"][0] == figures["spearman"][0] == 0.0
    assert figures["pearson"][1] > 0.8


def test_very_large_and_very_small_numbers_stay_within_float64() -> None:
    for scale in (1e150, 1e-300):
        figures = scores(Correlation(scale * np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]) * 1e-160))
        assert figures["pearson"] == pytest.approx(1.0)


def test_joined_pairs_are_those_of_both() -> None:
    first, second = Correlation(np.array([1.0, 2.0]), np.array([2.0, 1.0])), Correlation(np.ones(1), np.array([5.0]))
    assert scores(first.join(second))["mse"] == pytest.approx((1 + 1 + 16) / 3)


def test_cosine_by_hand() -> None:
    first = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    second = np.array([[4.0, 3.0], [0.0, 7.0], [1.0, 2.0], [-2.0, -2.0]])
    assert cosine_similarity(first, second).tolist() == pytest.approx([24 / 25, 0.0, 0.0, -1.0])


def test_cosine_of_single_precision_is_computed_in_double() -> None:
    vectors = np.full((1, 3), 1e30, dtype=np.float32)
    assert cosine_similarity(vectors, vectors).tolist() == pytest.approx([1.0])
