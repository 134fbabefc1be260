"""Means and paired differences over seeds, beside scipy's."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.tasks.metrics import Estimate, mean_interval, paired_difference
from encodery.tasks.metrics.seeds import t_quantile

stats: Any = pytest.importorskip("scipy.stats")

SCORES = st.lists(st.floats(-10, 10), min_size=2, max_size=31)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 29, 30, 997])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_the_quantile_is_that_of_students_t(freedom: int, confidence: float) -> None:
    assert t_quantile(freedom, confidence) == pytest.approx(stats.t.ppf((1 + confidence) / 2, freedom), rel=1e-9)


@given(SCORES)
def test_the_interval_of_a_mean_is_scipys(values: list[float]) -> None:
    found = mean_interval(values)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-12)
    error = float(stats.sem(values))
    assert found.interval is not None
    low, high = stats.t.interval(0.95, len(values) - 1, found.mean, error) if error else (found.mean, found.mean)
    assert found.interval == pytest.approx((low, high), rel=1e-7, abs=1e-7)


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=2, max_size=13))
def test_a_paired_difference_is_that_of_the_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    first, second = (list(values) for values in zip(*pairs, strict=True))
    differences = np.subtract(second, first)
    if np.std(differences) < 1e-6:
        return  # scipy warns of what it cannot tell apart
    theirs = stats.ttest_rel(second, first).confidence_interval(0.95)
    ours = paired_difference(first, second)
    assert ours.interval == pytest.approx((theirs.low, theirs.high), rel=1e-6, abs=1e-7)


def test_three_seeds_by_hand() -> None:
    found = paired_difference([0.80, 0.82, 0.81], [0.83, 0.84, 0.83])
    assert found.mean == pytest.approx(0.07 / 3)
    reach = 4.302653 * math.sqrt(1e-4 / 3) / math.sqrt(3)  # deviations of 0.03, 0.02, 0.02
    assert found.interval == pytest.approx((0.07 / 3 - reach, 0.07 / 3 + reach), abs=1e-6)
    assert found.excludes_zero is True
    assert paired_difference([0.8, 0.9], [0.9, 0.8]).excludes_zero is False


def test_one_seed_has_no_interval() -> None:
    assert mean_interval([0.7]) == Estimate(0.7, None)
    assert mean_interval([0.7]).excludes_zero is None


def test_nothing_to_take_a_mean_of() -> None:
    with pytest.raises(ValueError, match="a mean needs a value"):
        mean_interval([])
    with pytest.raises(ValueError, match="zip"):
        paired_difference([0.1, 0.2], [0.1])
