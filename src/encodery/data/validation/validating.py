"""All checks over all records of a data set: a pass that counts, then one that judges."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from encodery.data.validation.checks import CHECKS
from encodery.data.validation.columns import Columns
from encodery.data.validation.finding import Finding
from encodery.data.validation.rows import Kind, Row, kind_of
from encodery.data.validation.survey import Options, Survey
from encodery.errors import UserError
from encodery.files.records import Record

_PEEK = 1000
"""Records by which the task is told, where it is not given."""


@dataclass(frozen=True)
class Split:
    """A part of a data set: `train`, `dev`, `test`, or any other name. `read()` begins again each time."""

    name: str
    read: Callable[[], Iterable[tuple[str, Record]]]
    """The records, each with its `file:line`."""
    part: str = ""
    """What it is for, where its name does not say it: one of several training files is `train`."""


def validate(splits: Sequence[Split], options: Options | None = None) -> Iterator[Finding]:
    """What is wrong with the data, in the order of the records. The splits are read twice, and never held.

    Raises:
        UserError: a file cannot be read, or has changed between the passes.
    """
    survey = survey_of(splits, options or Options())
    for row in judged_rows(splits, survey):
        yield from findings_of(row, survey)


def survey_of(splits: Sequence[Split], options: Options) -> Survey:
    """The first pass."""
    survey = Survey(options.kind or common_kind(splits, options.columns), options)
    for row in _rows(splits, survey):
        survey.add(row)
    survey.finish()
    return survey


def judged_rows(splits: Sequence[Split], survey: Survey) -> Iterator[Row]:
    """The rows of the second pass, which the survey has to see before a check does."""
    number = 0
    for number, row in enumerate(_rows(splits, survey), start=1):
        if number > survey.num_records:
            break
        survey.remember(row)
        yield row
    if number != survey.num_records:
        raise UserError("the data changed while it was read; validate it again when nothing writes to it")


def findings_of(row: Row, survey: Survey) -> Iterator[Finding]:
    """What the checks say of one row."""
    for check in CHECKS.values():
        if row.kind in check.kinds:
            yield from check.findings(row, survey)


def common_kind(splits: Sequence[Split], columns: Columns) -> Kind:
    """The task that most of the first records look like."""
    counts: Counter[Kind] = Counter()
    for split in splits[:1]:
        counts.update(kind_of(columns.view(record)) for _, record in islice(split.read(), _PEEK))
    return counts.most_common(1)[0][0] if counts else "text-classification"


def _rows(splits: Sequence[Split], survey: Survey) -> Iterator[Row]:
    number = 0
    for split in splits:
        for source, record in split.read():
            seen = survey.options.columns.of(survey.kind, record).view(record)
            yield Row(number, split.name, split.part or split.name, source, seen, survey.kind, record)
            number += 1
