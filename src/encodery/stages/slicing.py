"""Parts of labelled data: by length, label, language, file, or any column of the records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encodery.errors import UserError
from encodery.files.records import Record
from encodery.tasks.judging import Judging
from encodery.tasks.metrics import Measurement, group_scores, intervals, length_slices, rows_of, scores
from encodery.tasks.task import Trainable

LENGTH, LABEL, LANGUAGE, SOURCE = "length", "label", "language", "source"
UNSTATED = "not stated"
MOST = 100
"""Slices: a column with more values is a name of the records, no property."""


@dataclass(frozen=True)
class Slices:
    """Which examples are in which slice."""

    groups: Mapping[str, Sequence[int]]
    of_labels: bool = False

    def scores(self, measurement: Measurement, headline: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Of each slice how many examples it has, the headline and its intervals. Of a label only its own figure:
        `f1/LABEL` where it is measured, else the first one over the examples that have it."""
        if not self.of_labels:
            return group_scores(measurement, self.groups, headline)
        found, ends = scores(measurement), intervals(measurement)
        each = group_scores(measurement, self.groups, headline[:1])
        for label, group in each.items():
            if (name := f"f1/{label}") in found:
                group.clear()
                own = {"f1": found[name], "intervals": {"f1": [*ends[name]]}}
                group.update({"examples": len(self.groups[label]), **own})
        return each


def sliced(
    by: str, task: Trainable, examples: Sequence[Any], records: Sequence[Record], files: Sequence[str]
) -> Slices:
    """The slices of `length` (in tokens of the model; of a pair, the longer text), `label`, `language`, `source` (the
    file), or of a column.

    Raises:
        UserError: the task has no labels, there is no such column, or it has another value in nearly every record.
    """
    if by == LENGTH:
        return Slices(lengths_of(task, examples))
    if by == LABEL:
        return Slices(labels_of(task, examples), of_labels=True)
    if by == LANGUAGE:
        return Slices(languages_of(examples))
    if by == SOURCE:
        return Slices(rows_of(files))
    if not any(by in record for record in records):
        columns = ", ".join(dict.fromkeys(name for record in records[:MOST] for name in record))
        kinds = ", ".join((LENGTH, LABEL, LANGUAGE, SOURCE))
        raise UserError(f"--by {by}: {kinds} or a column is needed; the columns are: {columns}")
    groups = rows_of(_shown(record.get(by)) for record in records)
    if len(groups) > MOST:
        raise UserError(
            f"--by {by}: {len(groups):,} different values in {len(records):,} records; at most {MOST} make slices, "
            "name another column"
        )
    return Slices(groups)


def languages_of(examples: Sequence[Any]) -> dict[str, list[int]]:
    """The examples of each language."""
    return rows_of(example.language or UNSTATED for example in examples)


def labels_of(task: Trainable, examples: Sequence[Any]) -> dict[str, list[int]]:
    """The examples that have each label, in alphabetical order.

    Raises:
        UserError: they have none.
    """
    groups: dict[str, list[int]] = {}
    for row, example in enumerate(examples):
        for label in task.labels_of(example) if isinstance(task, Judging) else ():
            groups.setdefault(label, []).append(row)
    if not groups:
        raise UserError(f"--by {LABEL}: the examples have no labels to be sliced by; length and language are there")
    return dict(sorted(groups.items()))


def lengths_of(task: Trainable, examples: Sequence[Any]) -> dict[str, list[int]]:
    """The examples of each length, the shortest first."""
    lengths = [token_count(task, example) for example in examples]
    groups = rows_of(length_slices(lengths))
    return dict(sorted(groups.items(), key=lambda item: lengths[item[1][0]]))


def token_count(task: Trainable, example: Any) -> int:
    """How many tokens of an example's sliding text the model reads."""
    return sum(window.num_own for window in task.encode(example).windows)


def _shown(value: Any) -> str:
    return UNSTATED if value is None or value == "" else str(value)[:80]
