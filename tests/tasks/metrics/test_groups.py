"""Groups have the scores of their examples alone, and the average does not care how large they are."""

import numpy as np
import pytest

from encodery.tasks.metrics import (
    Confusion,
    answer_measurement,
    average_scores,
    compare_answers,
    group_scores,
    intervals,
    rows_of,
    scores,
)
from encodery.tasks.metrics.answers import AnswerRules

KEYS = ["de"] * 83 + ["sw"] * 17 + ["de"] * 7


def measured() -> Confusion:
    generator = np.random.default_rng(5)
    true = generator.integers(3, size=107)
    predicted = np.where(generator.random(107) < 0.7, true, (true + 1) % 3)
    return Confusion(predicted, true, 3)


def test_rows_in_the_order_of_first_occurrence() -> None:
    assert rows_of(["b", "a", "b"]) == {"b": [0, 2], "a": [1]}
    assert rows_of([]) == {}


def test_each_group_is_measured_alone() -> None:
    found = group_scores(measured(), rows_of(KEYS), ("accuracy", "macro_f1"))
    assert list(found) == ["de", "sw"]
    for name, rows in rows_of(KEYS).items():
        part = measured().take(np.array(rows))
        assert found[name]["examples"] == len(rows)
        assert found[name]["accuracy"] == scores(part)["accuracy"]
        assert tuple(found[name]["intervals"]["accuracy"]) == intervals(part)["accuracy"]
        assert "matthews" not in found[name]


def test_the_average_is_of_groups_and_not_of_examples() -> None:
    groups = rows_of(KEYS)
    found = group_scores(measured(), groups, ("accuracy",))
    average = average_scores(measured(), groups, ("accuracy",))
    assert average["accuracy"] == pytest.approx((found["de"]["accuracy"] + found["sw"]["accuracy"]) / 2)
    assert average["accuracy"] != pytest.approx(scores(measured())["accuracy"])
    assert average["examples"] == 107
    low, high = average["intervals"]["accuracy"]
    assert low < average["accuracy"] < high
    widest = found["sw"]["intervals"]["accuracy"]
    assert high - low < widest[1] - widest[0]


def test_the_interval_of_the_average_is_that_of_independent_means() -> None:
    """Variance of the mean of two means, against theory."""
    generator = np.random.default_rng(2)
    right = generator.random(2003) < 0.6
    measurement = Confusion(right.astype(np.int64), np.ones(2003, np.int64), 2)
    groups = {"a": [*range(1000)], "b": [*range(1000, 2003)]}
    low, high = average_scores(measurement, groups, ("accuracy",))["intervals"]["accuracy"]
    expected = 2 * 1.96 * np.sqrt((0.24 / 1000 + 0.24 / 1003) / 4)
    assert high - low == pytest.approx(expected, rel=0.12)


def test_a_figure_that_one_group_does_not_have_has_no_average() -> None:
    right = [["a"], [], ["b"]]
    answers = compare_answers(["a", "", "c"], right, AnswerRules("v2.0"))
    measurement = answer_measurement(answers)
    groups = {"x": [0, 1], "y": [2]}
    figures = ("f1", "NoAns_f1")
    assert "NoAns_f1" in group_scores(measurement, groups, figures)["x"]
    assert "NoAns_f1" not in group_scores(measurement, groups, figures)["y"]
    assert set(average_scores(measurement, groups, figures)) == {"examples", "f1", "intervals"}


def test_no_groups() -> None:
    assert average_scores(measured(), {}, ("accuracy",)) == {"examples": 0, "intervals": {}}
