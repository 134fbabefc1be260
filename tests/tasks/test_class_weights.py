"""Weights of classes: from a table, from the data, and refused."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from encodery.errors import UserError
from encodery.tasks.class_weights import describe, emphasised
from encodery.tasks.classification import TextClassificationConfig
from encodery.tasks.losses import Emphasis
from encodery.tasks.problems import ManyLabels, Number, OneLabel, Problem

ONE, MANY = OneLabel(("bad", "good", "neither")), ManyLabels(("bad", "good", "neither"))
LABELS = ["good"] * 7 + ["bad"] * 3 + ["neither"]


def emphasis(problem: Problem, weights: Any = None, gamma: float | None = None, labels: Any = LABELS) -> Emphasis:
    result = emphasised(problem, weights, gamma, labels, "finetune.mood.task")
    assert isinstance(result, OneLabel | ManyLabels)
    return result.emphasis


def refusal(**task: Any) -> str:
    with pytest.raises(UserError) as error:
        TextClassificationConfig.parse(task, "recipe.toml: task")
    return str(error.value)


def test_balanced_is_that_of_scikit_learn() -> None:
    expected = compute_class_weight("balanced", classes=np.array(ONE.labels), y=np.array(LABELS))
    weights = emphasis(ONE, "balanced").weights
    assert weights == pytest.approx(tuple(expected))
    index = dict(zip(ONE.labels, weights or (), strict=True))
    assert sum(index[label] for label in LABELS) == pytest.approx(len(LABELS))  # on average a text weighs 1


def test_balanced_sigmoids_weigh_positives_and_negatives_the_same() -> None:
    labels = [["good"], ["good", "bad"], [], ["good"], ["good"]]
    assert emphasis(MANY, "balanced", labels=labels).weights == (4.0, 0.25, 1.0)
    assert emphasis(MANY, "balanced", labels=[["good"]] * 3).weights == (1.0, 1.0, 1.0)  # nothing to weigh against


def test_a_label_without_examples_weighs_one() -> None:
    assert emphasis(ONE, "balanced", labels=["good", "good", "bad", "good"]).weights == (2.0, 4 / 6, 1.0)


def test_a_table_names_those_that_differ() -> None:
    assert emphasis(ONE, {"neither": 5.0}, 2.0) == Emphasis((1.0, 1.0, 5.0), 2.0)
    assert emphasis(ONE, None, 1.5) == Emphasis(None, 1.5)


def test_without_either_the_problem_is_as_it_was() -> None:
    assert emphasised(ONE, None, None, LABELS, "task") is ONE


def test_a_label_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UserError) as error:
        emphasis(ONE, {"god": 2.0})
    assert str(error.value) == (
        "finetune.mood.task.class_weights: there is no label 'god'; the labels are 'bad', 'good', 'neither'"
    )


def test_numbers_have_no_classes() -> None:
    for weights, gamma in (("balanced", None), (None, 2.0)):
        with pytest.raises(UserError) as error:
            emphasised(Number(("LABEL_0",)), weights, gamma, [1.0, 2.0], "task")  # type: ignore[arg-type]
        assert str(error.value) == "task: class_weights and focal_gamma are for classes; the labels here are numbers"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("even", '"balanced" or a table of weights by label is allowed'),
        ([1, 2], '"balanced" or a table of weights by label is allowed'),
        ({}, '"balanced" or a table of weights by label is allowed'),
        ({"good": 0}, "class_weights: the weight of 'good' is 0; a number above 0 is allowed"),
        ({"good": True}, "class_weights: the weight of 'good' is True; a number above 0 is allowed"),
        ({"good": float("nan")}, "class_weights: the weight of 'good' is nan; a number above 0 is allowed"),
        ({"good": "3"}, "class_weights: the weight of 'good' is '3'; a number above 0 is allowed"),
    ],
)
def test_wrong_weights_are_refused_in_the_recipe(value: Any, why: str) -> None:
    assert why in refusal(class_weights=value)


def test_a_wrong_gamma_is_refused() -> None:
    assert refusal(focal_gamma=-1.0) == (
        "recipe.toml: task: focal_gamma = -1.0: input should be greater than or equal to 0"
    )


def test_the_table_leaves_out_what_is_not_given() -> None:
    """Keys of finished stages stay what they were."""
    assert not TextClassificationConfig().model_dump().keys() & {"class_weights", "focal_gamma"}
    dumped = TextClassificationConfig.parse({"class_weights": {"a": 2}, "focal_gamma": 2}, "task").model_dump()
    assert (dumped["class_weights"], dumped["focal_gamma"]) == ({"a": 2.0}, 2.0)


def test_a_person_sees_the_weights() -> None:
    assert describe(emphasised(ONE, "balanced", None, LABELS, "task")) == "bad 1.22, good 0.524, neither 3.67"
    assert describe(ONE) == describe(Number(("LABEL_0",))) == ""
