"""Checks of texts with choices."""

from collections.abc import Iterator

from encodery.data.validation.check import Found, check
from encodery.data.validation.rows import LABEL, Kind, Row, is_int
from encodery.data.validation.survey import Survey

CHOICES: tuple[Kind, ...] = ("multiple-choice",)


def right_choice(row: Row) -> str | None:
    """The text that the label says; None where it says none."""
    label, choices = row.record.get(LABEL), row.choices or ()
    return choices[label] if isinstance(label, int) and is_int(label) and 0 <= label < len(choices) else None


@check(
    "M001",
    "error",
    what="a label that is the place of no choice",
    why="nothing says which choice is right; training refuses it",
    fix="give the place of the right choice, counted from 0",
    kinds=CHOICES,
)
def label_without_choice(row: Row, survey: Survey) -> Iterator[Found]:
    if LABEL in row.record and row.choices is not None and right_choice(row) is None:
        label = row.record[LABEL]
        yield Found(f"label = {label!r:.80}; there are {len(row.choices)} choices, counted from 0")


@check(
    "M002",
    "error",
    what="fewer than two choices, or a blank one",
    why="there is nothing to choose; training refuses it",
    fix="give two choices or more, each with a text, or remove the record",
    kinds=CHOICES,
)
def too_few_choices(row: Row, survey: Survey) -> Iterator[Found]:
    choices = row.choices
    if choices is not None and len(choices) < 2:
        yield Found(f"choices = {list(choices)!r:.80}")
    for place, choice in enumerate(choices or ()):
        if not choice.strip():
            yield Found(f"choice {place} is {choice!r:.40}")


@check(
    "M003",
    "warning",
    what="the right choice stands there twice",
    why="the model is told that one of two equal texts is right and the other is not",
    fix="keep one of the two, and correct the label",
    kinds=CHOICES,
)
def repeated_choice(row: Row, survey: Survey) -> Iterator[Found]:
    right = right_choice(row)
    if right is not None and (times := (row.choices or ()).count(right)) > 1:
        yield Found(f"choice {row.record[LABEL]}, {right!r:.40}, is there {times} times")
