"""Figures from manifests and logs."""

from pathlib import Path

import pytest

from encodery.stages.comparison_page import curve_points
from encodery.stages.figures import COST, PRETRAINING, Figure, stack_parameters, training_seconds
from encodery.tasks.metrics import Estimate

LOG = [
    {"event": "resume", "step": 0},
    {"event": "step", "step": 2, "tokens": 100, "tokens_per_second": 50.0, "mlm_loss": 5.0},
    {"event": "eval", "step": 3, "mlm_loss": 4.5},
    {"event": "step", "step": 4, "tokens": 200, "tokens_per_second": 25.0, "mlm_loss": 4.0},
    {"event": "eval", "step": 4, "mlm_loss": None},
    {"event": "eval", "step": 4, "mlm_loss": 3.5},
]


def test_seconds_are_those_of_the_steps() -> None:
    assert training_seconds(LOG) == pytest.approx(100 / 50 + 100 / 25)
    assert training_seconds([]) == 0.0


def test_evaluations_lie_between_the_steps_around_them() -> None:
    assert curve_points(LOG, "eval", "mlm_loss") == [(3, 150.0, 4.5), (4, 200.0, 3.5)]
    assert curve_points(LOG, "step", "mlm_loss") == [(2, 100.0, 5.0), (4, 200.0, 4.0)]
    assert curve_points([{"event": "eval", "step": 1, "loss": 2.0}], "eval", "loss") == [(1, 0.0, 2.0)]
    assert curve_points(LOG, "eval", "nsp_loss") == []


def test_one_seed_has_the_interval_of_its_examples_or_none() -> None:
    figure = Figure("f", "f", PRETRAINING, {"a": [0.5], "b": [0.25]}, {"a": (0.4, 0.7)})
    assert figure.estimate("a") == Estimate(0.5, (0.4, 0.7))
    assert figure.interval_over("a") == "test examples"
    assert figure.estimate("b") == Estimate(0.25, None)
    assert figure.interval_over("b") is None
    assert figure.difference("a", "b") == Estimate(-0.25, None)


def test_two_seeds_have_that_of_the_seeds() -> None:
    figure = Figure("f", "f", COST, {"a": [1.0, 3.0]}, {"a": (0.4, 0.7)})
    assert figure.interval_over("a") == "seeds"
    assert figure.estimate("a").interval == pytest.approx((2 - 12.7062047, 2 + 12.7062047))


def test_the_stack_is_all_between_embeddings_and_heads(done: Path) -> None:
    hidden, inner = 32, 64
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * inner + hidden + inner
    norms = 2 * 2 * hidden
    assert stack_parameters(done / "runs/tiny/pretrain") == attention + feed_forward + norms
