"""What a label of a text is, by the `problem_type` that Hugging Face's `config.json` names: how it is read, learned,
predicted and scored.

| `problem_type` | label | loss, a mean over the outputs and a sum over the texts |
|---|---|---|
| `single_label_classification` | the name of one class | cross entropy |
| `multi_label_classification` | the names of any number of classes | binary cross entropy of each |
| `regression` | a number | squared error |

Classes may weigh more or less, and what the model is sure of less (`losses`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from encodery.data.examples import Example, Label
from encodery.errors import UserError
from encodery.families.stated import ProblemType
from encodery.tasks.class_errors import class_doubts, confusion_matrix, decision_doubts, decision_matrix
from encodery.tasks.judging import Doubt, Matrix
from encodery.tasks.losses import EVEN, Emphasis, binary_cross_entropy, cross_entropy, weight_of
from encodery.tasks.metrics import (
    Confusion,
    Correlation,
    Measurement,
    classification_scores,
    multi_label_measurement,
    multi_label_scores,
    regression_scores,
)

THRESHOLD = 0.5
"""A label of several is predicted where its probability is above this, as its binary cross entropy has it."""
NUMBER = "LABEL_0"  # what `transformers` calls an output without a name
LARGEST = torch.finfo(torch.float32).max
Metrics = dict[str, tuple[float, float]]


@runtime_checkable
class Problem(Protocol):
    """One `problem_type` with the names of its outputs. A label is read once, into the form that predictions have."""

    problem_type: ClassVar[ProblemType]
    headline: ClassVar[tuple[str, ...]]
    """The scores that are shown while training, the one that matters most first."""
    sizes: ClassVar[tuple[int, float, str]]
    """The least and the most outputs that it has, and both in words."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the outputs in the order of the logits."""

    @staticmethod
    def names(examples: Iterable[Example]) -> tuple[str, ...]:
        """The names of the outputs that these training examples ask for."""

    def read(self, label: Label, source: str) -> Any:
        """A label as predictions spell it. Raises `UserError` if it is none of this problem; names the line."""

    def target(self, label: Any) -> int | float | list[float]:
        """What the loss compares the logits of one text with, for a label that was read."""

    def count(self, targets: Shaped[Tensor, "texts *outputs"]) -> float:
        """What the loss is divided by for a mean: the number of texts, or what they weigh."""

    def loss(
        self, logits: Float[Tensor, "texts outputs"], targets: Shaped[Tensor, "texts *outputs"]
    ) -> tuple[Float[Tensor, ""], Metrics]:
        """The loss summed over the texts, and metrics as (sum, count)."""

    def decode(self, logits: Float[Tensor, "texts outputs"]) -> list[dict[str, Any]]:
        """Predictions in the record form: `label`, its `score`, and the `scores` of all outputs."""

    def measure(self, predicted: Sequence[Any], true: Sequence[Any]) -> Measurement:
        """Predicted labels against labels that were read, text by text."""

    def score(self, predicted: Sequence[Any], true: Sequence[Any]) -> dict[str, Any]:
        """The figures of `measure`, and those of each label."""

    def matrices(self, predicted: Sequence[Any], true: Sequence[Any]) -> list[Matrix]:
        """Which label was taken for which."""

    def doubts(self, predictions: Sequence[Mapping[str, Any]], true: Sequence[Any]) -> list[Doubt]:
        """Labels that may be wrong, the most suspicious first."""


@dataclass(frozen=True)
class _Classes:
    labels: tuple[str, ...]
    emphasis: Emphasis = EVEN

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Label → place among the logits."""
        return {label: index for index, label in enumerate(self.labels)}

    def known(self, label: str, source: str) -> str:
        """Raises `UserError` if there is no such class."""
        if label not in self.index:
            raise UserError(
                f"{source}: label {label!r} is not among the labels of the training data "
                f"({', '.join(map(repr, self.labels))}); correct it, or list every label in task.labels"
            )
        return label


class OneLabel(_Classes):
    """One of several classes: softmax."""

    problem_type: ClassVar[ProblemType] = "single_label_classification"
    headline: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    sizes: ClassVar[tuple[int, float, str]] = (2, math.inf, "two or more")

    @staticmethod
    def names(examples: Iterable[Example]) -> tuple[str, ...]:
        labels = (example.label for example in examples)
        return tuple(sorted({str(label) for label in labels if isinstance(label, str | int)}))

    def read(self, label: Label, source: str) -> str:
        """A whole number counts as its digits."""
        if not isinstance(label, str | int):
            raise UserError(_unfit(self, label, source, "one text"))
        return self.known(str(label), source)

    def target(self, label: str) -> int:
        return self.index[label]

    def count(self, targets: Shaped[Tensor, " texts"]) -> float:
        return weight_of(targets, self.emphasis)

    def loss(
        self, logits: Float[Tensor, "texts outputs"], targets: Shaped[Tensor, " texts"]
    ) -> tuple[Float[Tensor, ""], Metrics]:
        loss = cross_entropy(logits, targets, self.emphasis)
        hits = float((logits.argmax(-1) == targets).sum())
        return loss, {"loss": (loss.item(), self.count(targets)), "accuracy": (hits, float(len(targets)))}

    def decode(self, logits: Float[Tensor, "texts outputs"]) -> list[dict[str, Any]]:
        predictions = []
        for row in torch.softmax(logits, -1).tolist():
            best = max(range(len(row)), key=row.__getitem__)
            scores = dict(zip(self.labels, row, strict=True))
            predictions.append({"label": self.labels[best], "score": row[best], "scores": scores})
        return predictions

    def measure(self, predicted: Sequence[str], true: Sequence[str]) -> Confusion:
        guessed, given = (
            [self.target(self.known(name, "a prediction")) for name in side] for side in (predicted, true)
        )
        return Confusion(np.asarray(guessed, np.int64), np.asarray(given, np.int64), len(self.labels))

    def score(self, predicted: Sequence[str], true: Sequence[str]) -> dict[str, Any]:
        """Accuracy, macro F1, Matthews correlation and the figures of each label."""
        return classification_scores([*map(self.target, predicted)], [*map(self.target, true)], self.labels)

    def matrices(self, predicted: Sequence[str], true: Sequence[str]) -> list[Matrix]:
        return [confusion_matrix([*map(self.target, predicted)], [*map(self.target, true)], self.labels)]

    def doubts(self, predictions: Sequence[Mapping[str, Any]], true: Sequence[str]) -> list[Doubt]:
        return class_doubts(predictions, [*map(self.target, true)], self.labels)


class ManyLabels(_Classes):
    """Any number of several classes, none included: a sigmoid each. `score` has a probability for each label."""

    problem_type: ClassVar[ProblemType] = "multi_label_classification"
    headline: ClassVar[tuple[str, ...]] = ("micro_f1", "macro_f1", "exact_match")
    sizes: ClassVar[tuple[int, float, str]] = (1, math.inf, "one or more")

    @staticmethod
    def names(examples: Iterable[Example]) -> tuple[str, ...]:
        lists = (example.label for example in examples)
        return tuple(sorted({label for labels in lists if isinstance(labels, tuple) for label in labels}))

    def read(self, label: Label, source: str) -> list[str]:
        """The labels in the order of the logits."""
        if not isinstance(label, tuple):
            needed = "a list (where the file can hold none, set fields.label_separator)"
            raise UserError(_unfit(self, label, source, needed))
        given = {self.known(entry, source) for entry in label}
        return [name for name in self.labels if name in given]

    def target(self, label: Sequence[str]) -> list[float]:
        given = set(label)
        return [float(name in given) for name in self.labels]

    def count(self, targets: Float[Tensor, "texts outputs"]) -> float:
        return float(len(targets))

    def loss(
        self, logits: Float[Tensor, "texts outputs"], targets: Float[Tensor, "texts outputs"]
    ) -> tuple[Float[Tensor, ""], Metrics]:
        loss = binary_cross_entropy(logits, targets, self.emphasis)
        exact = float(((torch.sigmoid(logits) > THRESHOLD) == targets.bool()).all(-1).sum())
        count = float(len(targets))
        return loss, {"loss": (loss.item(), count), "exact_match": (exact, count)}

    def decode(self, logits: Float[Tensor, "texts outputs"]) -> list[dict[str, Any]]:
        predictions = []
        for row in torch.sigmoid(logits).tolist():
            scores = dict(zip(self.labels, row, strict=True))
            chosen = {label: score for label, score in scores.items() if score > THRESHOLD}
            predictions.append({"label": list(chosen), "score": list(chosen.values()), "scores": scores})
        return predictions

    def measure(self, predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> Measurement:
        for name in {name for names in predicted for name in names}:
            self.known(name, "a prediction")
        return multi_label_measurement([*map(self.target, predicted)], [*map(self.target, true)], self.labels)

    def score(self, predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Micro and macro F1, the share of texts with all labels right, and the figures of each label."""
        return multi_label_scores([*map(self.target, predicted)], [*map(self.target, true)], self.labels)

    def matrices(self, predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> list[Matrix]:
        return [decision_matrix([*map(self.target, predicted)], [*map(self.target, true)], self.labels)]

    def doubts(self, predictions: Sequence[Mapping[str, Any]], true: Sequence[Sequence[str]]) -> list[Doubt]:
        return decision_doubts(predictions, [*map(self.target, true)], self.labels)


@dataclass(frozen=True)
class Number:
    """A quantity: the logit itself. `label` and `score` are the number."""

    problem_type: ClassVar[ProblemType] = "regression"
    headline: ClassVar[tuple[str, ...]] = ("pearson", "spearman", "mse")
    sizes: ClassVar[tuple[int, float, str]] = (1, 1, "exactly one")
    labels: tuple[str, ...]

    @staticmethod
    def names(examples: Iterable[Example]) -> tuple[str, ...]:
        return (NUMBER,)

    def read(self, label: Label, source: str) -> float:
        """Text is read as a number: tables hold nothing else."""
        try:
            value = math.nan if isinstance(label, tuple) or "_" in str(label) else float(label)
        except (ValueError, OverflowError):
            value = math.nan
        if not abs(value) <= LARGEST:  # also where it is not a number
            raise UserError(_unfit(self, label, source, "a finite number"))
        return value

    def target(self, label: float) -> float:
        return label

    def count(self, targets: Float[Tensor, " texts"]) -> float:
        return float(len(targets))

    def loss(
        self, logits: Float[Tensor, "texts 1"], targets: Float[Tensor, " texts"]
    ) -> tuple[Float[Tensor, ""], Metrics]:
        loss = F.mse_loss(logits[:, 0], targets, reduction="sum")
        return loss, {"loss": (loss.item(), float(len(targets)))}

    def decode(self, logits: Float[Tensor, "texts 1"]) -> list[dict[str, Any]]:
        return [
            {"label": value, "score": value, "scores": {self.labels[0]: value}} for value in logits[:, 0].tolist()
        ]

    def measure(self, predicted: Sequence[float], true: Sequence[float]) -> Correlation:
        return Correlation(np.asarray(predicted, np.float64), np.asarray(true, np.float64))

    def score(self, predicted: Sequence[float], true: Sequence[float]) -> dict[str, Any]:
        """Pearson's and Spearman's correlation and the mean squared error."""
        return regression_scores(predicted, true)

    def matrices(self, predicted: Sequence[float], true: Sequence[float]) -> list[Matrix]:
        return []

    def doubts(self, predictions: Sequence[Mapping[str, Any]], true: Sequence[float]) -> list[Doubt]:
        return []


PROBLEMS: Mapping[ProblemType, type[OneLabel] | type[ManyLabels] | type[Number]] = {
    kind.problem_type: kind for kind in (OneLabel, ManyLabels, Number)
}


def make_problem(problem_type: ProblemType, labels: Sequence[str], source: str) -> Problem:
    """A problem with these outputs; `source` opens the message when it cannot have them.

    Raises:
        UserError: too few outputs, or more than one number.
    """
    kind = PROBLEMS[problem_type]
    least, most, words = kind.sizes
    if not least <= len(labels) <= most:
        shown = ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
        raise UserError(f"{source}: {len(labels)} distinct labels ({shown}); {problem_type} needs {words}")
    return kind(tuple(labels))


def infer_problem_type(examples: Iterable[Example], source: str) -> ProblemType:
    """What the labels of training examples are: lists, else text, else numbers with a fraction.

    Raises:
        UserError: all are whole numbers, which may be names of classes as well as quantities.
    """
    kinds = {type(example.label) for example in examples}
    if tuple in kinds:
        return "multi_label_classification"
    if str in kinds or kinds == {type(None)} or not kinds:
        return "single_label_classification"
    if float in kinds:
        return "regression"
    raise UserError(
        f"{source}: every label is a whole number, the name of a class or a quantity; "
        "set task.problem_type to 'single_label_classification' or 'regression'"
    )


def _unfit(problem: Problem, label: Label, source: str, needed: str) -> str:
    shown = list(label) if isinstance(label, tuple) else label
    return f"{source}: label = {shown!r:.80}; {problem.problem_type} needs {needed}"
