"""What follows from `measure`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.tasks.classification import TextClassification
from encodery.tasks.judging import Judging
from encodery.tasks.metrics import Correlation, Measurement
from encodery.tasks.problems import ManyLabels, Number, OneLabel, Problem
from encodery.tasks.task import Trainable
from encodery.tasks.windows import Reading

from .conftest import make_tokenizer


class Bare:
    """A task that says no more than what it measures."""

    score = Trainable.score

    def measure(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> Measurement:
        return Correlation(np.array([p["label"] for p in predictions]), np.array(examples))


def test_scores_are_the_figures_where_a_task_says_no_more() -> None:
    bare: Any = Bare()
    found = bare.score([{"label": 1.0}, {"label": 3.0}], [1.0, 2.0])
    assert found == {"pearson": pytest.approx(1.0), "spearman": pytest.approx(1.0), "mse": pytest.approx(0.5)}


def example(label: Any) -> Example:
    return Example("the river", None, label, "x:1")


@pytest.mark.parametrize(
    ("problem", "labels"),
    [
        (OneLabel(("bad", "good")), ["bad", "good", "good", "bad", "good"]),
        (ManyLabels(("bad", "good")), [("bad",), (), ("bad", "good"), ("good",), ()]),
        (Number(("LABEL_0",)), [1.0, 2.5, -3.0, 7.0, 0.5]),
    ],
)
def test_the_headline_is_measured(problem: Problem, labels: list[Any]) -> None:
    task = TextClassification(make_tokenizer(), problem, Reading(max_seqlen=11))
    examples = [example(label) for label in labels]
    predictions = [{"label": task.label_of(item)} for item in examples[1:] + examples[:1]]
    figures = task.measure(predictions, examples).figures(np.ones((1, 5)))
    found = task.score(predictions, examples)
    assert set(task.headline) <= set(figures)
    for name in task.headline:
        assert found[name] == pytest.approx(float(figures[name][0]))
    assert isinstance(task, Judging)


def test_a_prediction_of_another_models_label() -> None:
    cases: list[tuple[Problem, Any]] = [
        (OneLabel(("bad", "good")), "dull"),
        (ManyLabels(("bad", "good")), ["dull"]),
    ]
    for problem, label in cases:
        with pytest.raises(UserError, match=r"^a prediction: label 'dull' is not among the labels of the training"):
            problem.measure([label], [label])
