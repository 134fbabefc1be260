"""How much each class counts: as a recipe says, or by how rare it is in the training data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from encodery.errors import UserError
from encodery.tasks.losses import Emphasis
from encodery.tasks.problems import ManyLabels, OneLabel, Problem


def _allowed(value: Any) -> Any:
    if value is None or value == "balanced":
        return value
    if not isinstance(value, Mapping) or not value:
        raise ValueError('"balanced" or a table of weights by label is allowed')
    for label, weight in value.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            raise ValueError(f"the weight of {label!r} is {weight!r:.80}; a number above 0 is allowed")
    return {label: float(weight) for label, weight in value.items()}


ClassWeights = Annotated[Literal["balanced"] | Mapping[str, float] | None, BeforeValidator(_allowed)]
"""`class_weights` in a recipe."""


def emphasised(
    problem: Problem, class_weights: ClassWeights, gamma: float | None, labels: Sequence[Any], source: str
) -> Problem:
    """The problem with a loss that makes more of some classes; `labels` are those of the training data, as read.

    Raises:
        UserError: weights for a label that there is not, or for a problem that has no classes; begins with `source`.
    """
    if class_weights is None and gamma is None:
        return problem
    if not isinstance(problem, OneLabel | ManyLabels):
        raise UserError(f"{source}: class_weights and focal_gamma are for classes; the labels here are numbers")
    weights = None
    if class_weights == "balanced":
        weights = balanced(problem, labels)
    elif class_weights is not None:
        weights = stated(problem.labels, class_weights, source)
    return replace(problem, emphasis=Emphasis(weights, gamma or 0.0))


def stated(labels: Sequence[str], class_weights: Mapping[str, float], source: str) -> tuple[float, ...]:
    """The weights of a table in the order of the labels; 1 for those it does not name.

    Raises:
        UserError: it names a label that there is not.
    """
    if unknown := sorted(class_weights.keys() - set(labels)):
        shown = ", ".join(map(repr, labels))
        raise UserError(f"{source}.class_weights: there is no label {unknown[0]!r:.80}; the labels are {shown:.200}")
    return tuple(class_weights.get(label, 1.0) for label in labels)


def balanced(problem: OneLabel | ManyLabels, labels: Sequence[Any]) -> tuple[float, ...]:
    """Weights under which all classes weigh the same (King & Zeng 2001, section 4.2): n / (classes * count) of one
    label, negatives / positives of each of several. 1 where the data has none, or nothing else."""
    names = problem.labels
    if isinstance(problem, OneLabel):
        counts = [sum(label == name for label in labels) for name in names]
        present = sum(count > 0 for count in counts)
        return tuple(len(labels) / (present * count) if count else 1.0 for count in counts)
    counts = [sum(name in given for given in labels) for name in names]
    return tuple((len(labels) - count) / count if 0 < count < len(labels) else 1.0 for count in counts)


def describe(problem: object) -> str:
    """The weights of a problem's classes as a line for a person; empty where there are none."""
    if not isinstance(problem, OneLabel | ManyLabels) or problem.emphasis.weights is None:
        return ""
    weights = zip(problem.labels, problem.emphasis.weights, strict=True)
    return ", ".join(f"{label} {weight:.3g}" for label, weight in weights)
