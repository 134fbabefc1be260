"""Comparisons: p-values against theory and scipy, intervals by hand, and refusals."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.tasks.metrics import Confusion, Correlation, difference, entity_measurement, mcnemar


def measured(right: np.ndarray) -> Confusion:
    return Confusion(right.astype(np.int64), np.ones(len(right), dtype=np.int64), 2)


def test_a_model_is_no_better_than_itself() -> None:
    right = np.arange(211) % 3 > 0
    found = difference(measured(right), measured(right))["accuracy"]
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)
    assert found.p_bootstrap == found.p_randomization == 1.0


def test_a_clear_difference_is_found() -> None:
    first, second = np.arange(503) % 2 > 0, np.arange(503) % 5 > 0
    found = difference(measured(first), measured(second))["accuracy"]
    assert found.first == pytest.approx(first.mean())
    assert found.second == pytest.approx(second.mean())
    assert found.difference == pytest.approx(second.mean() - first.mean())
    assert 0.2 < found.low < found.difference < found.high < 0.4
    assert found.p_bootstrap == pytest.approx(2 / 1001)
    assert found.p_randomization == pytest.approx(1 / 1001)


def test_sides_can_be_exchanged() -> None:
    first, second = np.arange(101) % 3 > 0, np.arange(101) % 4 > 0
    there, back = (
        difference(measured(one), measured(other))["accuracy"] for one, other in ((first, second), (second, first))
    )
    assert there.difference == -back.difference
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert there.p_bootstrap == back.p_bootstrap
    assert there.p_randomization == back.p_randomization


def test_all_three_tests_of_an_accuracy_agree_where_they_must() -> None:
    """Randomization of right and wrong is McNemar's test by drawing."""
    generator = np.random.default_rng(7)
    first = generator.random(401) < 0.7
    second = np.where(generator.random(401) < 0.2, generator.random(401) < 0.78, first)
    found = difference(measured(first), measured(second), count=5003)["accuracy"]
    exact = mcnemar(first, second)
    assert 0.001 < exact < 0.9
    assert found.p_randomization == pytest.approx(exact, abs=0.03)
    assert found.p_bootstrap == pytest.approx(exact, abs=0.06)


def test_under_no_difference_p_values_are_uniform() -> None:
    """Two models that are right by chance alike: about a tenth of the p-values are below a tenth."""
    generator = np.random.default_rng(11)
    found = []
    for seed in range(101):
        first, second = generator.random((2, 101)) < 0.5
        found.append(difference(measured(first), measured(second), 199, seed)["accuracy"])
    for name in ("p_bootstrap", "p_randomization"):
        share = np.mean([getattr(one, name) <= 0.1 for one in found])
        assert 0.01 <= share <= 0.21, name


def test_correlations_are_compared_on_the_same_pairs() -> None:
    generator = np.random.default_rng(3)
    true = generator.normal(size=211)
    good, bad = (Correlation(true + noise * generator.normal(size=211), true) for noise in (0.5, 5.0))
    found = difference(bad, good, 499)
    assert set(found) == {"pearson", "spearman", "mse"}
    assert found["spearman"].low > 0.3
    assert found["spearman"].p_bootstrap < 0.01
    assert found["spearman"].p_randomization < 0.01


def test_other_examples_are_refused() -> None:
    with pytest.raises(UserError) as error:
        difference(measured(np.ones(5, dtype=bool)), measured(np.ones(7, dtype=bool)))
    assert str(error.value) == (
        "the first model was measured on 5 examples and the second on 7; "
        "a comparison needs the same examples in the same order: evaluate both on one file"
    )


def test_other_figures_are_refused() -> None:
    true = [[(0, 1, "A")]]
    with pytest.raises(UserError) as error:
        difference(entity_measurement([[(0, 1, "B")]], true), entity_measurement([[(0, 1, "C")]], true))
    assert str(error.value) == "f1/B, f1/C: measured of one model only; measure both with the same labels"


@settings(max_examples=101)
@given(st.integers(0, 307), st.integers(0, 307))
def test_mcnemar_equals_the_binomial_test_of_scipy(only_first: int, only_second: int) -> None:
    scipy: Any = pytest.importorskip("scipy.stats")
    first = np.repeat([True, False, True, False], [only_first, only_second, 5, 3])
    second = np.repeat([False, True, True, False], [only_first, only_second, 5, 3])
    total = only_first + only_second
    expected = scipy.binomtest(only_first, total, 0.5).pvalue if total else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9)
