"""Predictions one by one beside what is true: what a page of errors shows of any task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from encodery.data.tagged import Entity


@dataclass(frozen=True)
class Judgement:
    """One prediction in words."""

    text: str
    predicted: str
    true: str
    error: float
    """0 if it is right; else how wrong it is, or how sure the model was of what is wrong."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Probabilities that say more about it."""
    question: str = ""
    """What was asked of the text."""
    found: tuple[Entity, ...] = ()
    given: tuple[Entity, ...] = ()


@dataclass(frozen=True)
class Doubt:
    """A label that the model disagrees with so surely that it may be wrong."""

    row: int
    """The example's place."""
    stated: str
    suggested: str
    sureness: float
    """The most suspicious are the largest."""


@dataclass(frozen=True)
class Matrix:
    """How often what is true (rows) came out as what (columns)."""

    caption: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    right: tuple[str, ...] = ()
    """Columns that are right in every row; where there are none, the one that is named as the row is."""
    neutral: str = ""
    """Where nothing was and nothing was said: the column of that name, in the row of that name if there is one."""

    def is_right(self, row: str, column: str) -> bool:
        """Whether a cell counts what is right."""
        return column in self.right if self.right else row == column

    def is_neutral(self, row: str, column: str) -> bool:
        """Whether a cell counts what nobody asks for."""
        return column == self.neutral and (row == column or column not in self.rows)


@dataclass(frozen=True)
class Curve:
    """What figures would be at every value of a number that decides."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    """By what it is of: where, and how much."""
    levels: Mapping[str, float] = field(default_factory=dict)
    """Heights to compare with."""
    caption: str = ""


@runtime_checkable
class Judging(Protocol):
    """A task whose errors can be shown; the predictions and examples are those of `Trainable.measure`."""

    def labels_of(self, example: Any) -> tuple[str, ...]:
        """The labels that an example has, each once."""

    def judge(self, prediction: Mapping[str, Any], example: Any) -> Judgement:
        """One prediction in words."""

    def matrices(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> list[Matrix]:
        """What is taken for what."""

    def doubts(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> list[Doubt]:
        """Labels that may be wrong, the most suspicious first."""


@runtime_checkable
class Deciding(Protocol):
    """A task that decides by a number, of which it can be said what others would have given."""

    def curves(self, predictions: Sequence[Mapping[str, Any]], examples: Sequence[Any]) -> list[Curve]:
        """None where there is nothing to decide."""
