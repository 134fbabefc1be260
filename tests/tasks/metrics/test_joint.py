"""Two kinds of examples in one measurement have the figures that they have alone."""

import numpy as np
import pytest

from encodery.tasks.metrics import Correlation, Joint, Sums, difference, scores
from encodery.tasks.metrics.measurement import Figures

NUMBERED, PLAIN = np.array([0, 2, 5]), np.array([1, 3, 4, 6])


def hits(sums: np.ndarray) -> Figures:
    return {"hits": sums[:, 0] / np.maximum(sums[:, 1], 1)}


def correlation(shift: float = 0.0) -> Correlation:
    return Correlation(np.array([0.1, 0.7 + shift, 0.3]), np.array([1.0, 2.0, 3.0]))


def counted(last: float = 0.0) -> Sums:
    return Sums(np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0], [last, 1.0]]), hits)


def joint(shift: float = 0.0, last: float = 0.0) -> Joint:
    return Joint(7, ((NUMBERED, correlation(shift)), (PLAIN, counted(last))))


def test_each_kind_has_its_figures() -> None:
    assert len(joint()) == 7
    assert scores(joint()) == {**scores(correlation()), "hits": 0.5}


def test_weights_reach_their_kind() -> None:
    weights = np.array([[2.0, 3.0, 1.0, 0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]])
    found = joint().figures(weights)
    assert found["hits"].tolist() == [1.0, 0.5]
    assert found["pearson"][0] == correlation().figures(weights[:1, NUMBERED])["pearson"][0]
    assert np.isnan(found["pearson"][1])  # none of these counts


def test_some_of_the_examples() -> None:
    rows = np.array([6, 5, 0, 4, 0])
    found = joint().take(rows)
    assert len(found) == 5
    expected = scores(correlation().take(np.array([2, 0, 0])))
    assert scores(found) == {**expected, "hits": scores(counted().take(np.array([3, 2])))["hits"]}
    assert scores(joint().take(PLAIN)) == {"hits": 0.5}  # figures of numbers are left out
    assert scores(joint().take(np.zeros(0, np.int64))) == {}


def test_joined_examples() -> None:
    both = joint().join(joint(0.25, 1.0))
    assert len(both) == 14
    assert scores(both.take(np.arange(7, 14))) == pytest.approx(scores(joint(0.25, 1.0)))
    assert scores(both)["hits"] == 5 / 8


def test_two_models_are_compared_by_all_figures() -> None:
    found = difference(joint(), joint(0.25, 1.0), count=53)
    assert found["hits"].difference == 0.25
    assert set(found) == {"pearson", "spearman", "mse", "hits"}
