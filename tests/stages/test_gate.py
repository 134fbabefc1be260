"""A bundle that scores too much less is refused, and so is one of which nobody knows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from encodery.data.examples import Example
from encodery.stages.gate import Gate, compare_scores
from encodery.tasks.classification import TextClassification
from encodery.tasks.problems import OneLabel
from encodery.tasks.windows import Reading
from tests.tasks.conftest import make_tokenizer

LABELS = ("bad", "good")
TRUE = ["bad", "good", "good", "bad"] * 50


@pytest.fixture
def task() -> TextClassification:
    return TextClassification(make_tokenizer(), OneLabel(LABELS), Reading(max_seqlen=11))


def examples(labels: Sequence[str] = TRUE) -> list[Example]:
    return [Example("the river", None, label, f"dev:{number}") for number, label in enumerate(labels, 1)]


def said(labels: Sequence[str]) -> list[Mapping[str, Any]]:
    return [{"label": label, "score": 1.0, "scores": {label: 1.0}} for label in labels]


def wrong(count: int) -> list[str]:
    """So many of the 200 labels are the other one."""
    flipped = ["good" if label == "bad" else "bad" for label in TRUE[:count]]
    return [*flipped, *TRUE[count:]]


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, False), (2, True), (11, True), (-5, False)])
def test_points_of_the_first_figure_decide(task: TextClassification, more: int, refused: bool) -> None:
    """One label of 200 is half a point."""
    gate = compare_scores(task, said(wrong(9)), said(wrong(9 + more)), examples())
    assert gate.headline == "accuracy"
    assert gate.drop == pytest.approx(more / 2)
    assert (gate.complaint(0.5 + 1e-9) is not None) == refused


def test_a_refusal_says_what_was_lost(task: TextClassification) -> None:
    gate = compare_scores(task, said(wrong(0)), said(wrong(11)), examples())
    complaint = gate.complaint(0.5)
    assert complaint is not None
    assert complaint.startswith(
        "accuracy drops by 5.50 points on the dev data, from 1.0000 to 0.9450 (95 %: +2.50 to +9.00)"
    )
    assert complaint.endswith(", and --max-metric-drop is 0.5")
    assert gate.complaint(5.6) is None
    assert gate.facts["figures"]["accuracy"]["low"] < -0.055 < gate.facts["figures"]["accuracy"]["high"]


def test_why_it_cannot_be_compared_is_said(task: TextClassification) -> None:
    """The label of an example that the model does not have: with the line that it stands on."""
    unknown = [Example("the river", None, "odd", "dev:1"), *examples()[1:]]
    complaint = compare_scores(task, said(TRUE), said(TRUE), unknown).complaint(100.0)
    assert complaint is not None
    assert complaint.startswith("accuracy is not defined on the dev data (dev:1: ")
    assert complaint.endswith("), so nothing vouches for the bundle")


def test_what_cannot_be_compared_is_refused() -> None:
    """Fails closed: no figure, no bundle."""
    gate = Gate(7, "f1", {})
    assert math.isnan(gate.drop)
    assert gate.complaint(100.0) == "f1 is not defined on the dev data, so nothing vouches for the bundle"
