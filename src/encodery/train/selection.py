"""Which of a run's evaluations was the best, and when to stop waiting for a better one: the meta-algorithm of
Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 7.8, algorithm 7.1."""

import math
from collections.abc import Mapping

from pydantic import Field, PositiveInt

from encodery.config import Config
from encodery.errors import UserError

LOWER_IS_BETTER = ("loss", "mse")
"""Endings of the names of metrics of which less is better; of all others more is."""


class EarlyStopping(Config):
    """`early_stopping`: training ends before its last step where nothing is gained any more."""

    patience: PositiveInt = 3
    """Evaluations in a row, none better than the best before them, after which training stops."""


class Best(Config):
    """The best evaluation of a run so far."""

    step: int = Field(ge=0)
    metric: str
    value: float
    waited: int = Field(default=0, ge=0)
    """Evaluations since then."""

    def __str__(self) -> str:
        return f"{self.metric} {self.value:.4f} at step {self.step}"


def choose(best: Best | None, step: int, metrics: Mapping[str, float], metric: str | None) -> Best | None:
    """The best evaluation, now that the one after `step` is known; the earlier of two equal ones.

    `metric` is the first one where none is named. A value that is not a finite number is never the best: None as long
    as there was no other.

    Raises:
        UserError: the evaluation has no such metric, or none at all.
    """
    name = chosen_metric(metrics, metric)
    value = float(metrics[name])
    if math.isfinite(value) and (best is None or is_better(value, best.value, name)):
        return Best(step=step, metric=name, value=value)
    return best and best.model_copy(update={"waited": best.waited + 1})


def chosen_metric(metrics: Mapping[str, float], metric: str | None) -> str:
    """The metric that decides. Raises `UserError` if there is none of that name."""
    if not metrics:
        raise UserError('keep = "best" and early_stopping need an evaluation, and there is nothing to evaluate on')
    if metric is not None and metric not in metrics:
        raise UserError(f"best_metric = {metric!r}: an evaluation here has {', '.join(metrics)}; choose one of these")
    return metric or next(iter(metrics))


def is_better(value: float, other: float, metric: str) -> bool:
    """Whether the first of two values of a metric is the better one."""
    return value < other if lower_is_better(metric) else value > other


def lower_is_better(metric: str) -> bool:
    """Whether less of a metric is better."""
    return metric.endswith(LOWER_IS_BETTER)
