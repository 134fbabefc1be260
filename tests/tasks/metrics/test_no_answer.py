"""Thresholds: by hand, by trying every one, and step by step as the official script walks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import AnswerRules, answer_scores, best_threshold, precision_recall, threshold_curve

QUESTIONS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.4, 1.0]), st.integers(-3, 5), st.booleans(), st.booleans()),
    min_size=1,
    max_size=23,
)


def arrays(questions: list[tuple[float, int, bool, bool]]) -> tuple[Any, Any, Any, Any]:
    """Values, no-answer scores, and whether each question has an answer and was given one."""
    values, none, has, given_ = zip(*questions, strict=True)
    return np.array(values), np.array(none, dtype=np.float64), np.array(has), np.array(given_)


def test_a_threshold_by_hand() -> None:
    """Two answers that are right, then one to a question without an answer, then one that is half right."""
    values, none = np.array([1.0, 1.0, 0.0, 0.5]), np.array([0.1, 0.2, 0.6, 0.9])
    has, answered = np.array([True, True, False, True]), np.ones(4, dtype=bool)
    thresholds, means = threshold_curve(values, none, has, answered)
    assert thresholds.tolist() == [0.0, 0.1, 0.2, 0.6, 0.9]
    assert means.tolist() == [1 / 4, 2 / 4, 3 / 4, 2 / 4, 2.5 / 4]
    assert best_threshold(values, none, has, answered) == (0.2, 0.75)


def test_logits_below_zero_can_all_be_without_an_answer() -> None:
    """The official script says 0.0 here, which would keep every answer."""
    values, none = np.zeros(2), np.array([-5.0, -3.0])
    threshold, mean = best_threshold(values, none, np.zeros(2, dtype=bool), np.ones(2, dtype=bool))
    assert threshold < -5.0
    assert mean == 1.0


@settings(max_examples=101)
@given(QUESTIONS)
def test_every_threshold_gives_the_mean_that_the_curve_says(questions: list[tuple[float, int, bool, bool]]) -> None:
    values, none, has, answered = arrays(questions)
    kept = np.where(has, values, np.where(answered, 0.0, 1.0))
    thresholds, means = threshold_curve(values, none, has, answered)
    for threshold, mean in zip(thresholds, means, strict=True):
        assert mean == pytest.approx(np.where(none > threshold, ~has, kept).mean())
    assert len(thresholds) == len(set(none.tolist())) + 1
    assert best_threshold(values, none, has, answered)[1] == means.max()


def official_threshold(values: Any, none: Any, has: Any, answered: Any) -> tuple[float, float]:
    """The walk of the official script of SQuAD v2.0."""
    score = best = float((~has).sum())
    threshold = 0.0
    for i in np.argsort(none, kind="stable"):
        score += values[i] if has[i] else -1 if answered[i] else 0
        if score > best:
            best, threshold = score, none[i]
    return float(threshold), best / len(values)


def official_precision(values: Any, none: Any, has: Any) -> float:
    """Average precision as the official script of SQuAD v2.0 sums it."""
    order = np.argsort(none, kind="stable")
    right = precision = total = recall = 0.0
    for place, i in enumerate(order):
        right += values[i] if has[i] else 0.0
        if place == len(order) - 1 or none[i] != none[order[place + 1]]:
            precision, before, recall = right / (place + 1), recall, right / has.sum()
            total += precision * (recall - before)
    return float(total)


@settings(max_examples=101)
@given(QUESTIONS.map(lambda rows: [(row[0], i + 1, *row[2:]) for i, row in enumerate(rows)]), st.randoms())
def test_the_official_walk_without_equal_scores(questions: list[tuple[float, int, bool, bool]], order: Any) -> None:
    order.shuffle(questions)
    assert best_threshold(*arrays(questions)) == official_threshold(*arrays(questions))


@settings(max_examples=101)
@given(QUESTIONS.filter(lambda rows: any(row[2] for row in rows)))
def test_average_precision_as_the_official_script(questions: list[tuple[float, int, bool, bool]]) -> None:
    values, none, has, _ = arrays(questions)
    precision, recall, average = precision_recall(values, none, has)
    assert average == pytest.approx(official_precision(values, none, has))
    assert (precision[0], recall[0]) == (1.0, 0.0)
    assert recall[-1] == pytest.approx(values[has].sum() / has.sum())


def test_scores_with_thresholds_have_the_official_names() -> None:
    right = [["Denver"], [], ["Denver"]]
    figures = answer_scores(["Denver", "Denver", "Denver bus"], right, AnswerRules("v2.0"), [0.1, 0.9, 0.4])
    assert figures["best_exact"] == pytest.approx(2 / 3)
    assert figures["best_exact_thresh"] == 0.1
    assert figures["best_f1"] == pytest.approx((1 + 1 + 2 / 3) / 3)
    assert figures["best_f1_thresh"] == 0.4
    assert figures["pr_oracle_ap"] == pytest.approx(1.0)
    assert figures["pr_exact_ap"] == pytest.approx(0.5)
    assert figures["pr_f1_ap"] == pytest.approx(1 / 2 + (5 / 3 / 2) * (1 / 3))


def test_without_any_answer_there_is_no_precision() -> None:
    figures = answer_scores(["Denver"], [[]], AnswerRules("v2.0"), [0.7])
    assert not any(name.startswith("pr_") for name in figures)
    assert figures["best_f1"] == 1.0
