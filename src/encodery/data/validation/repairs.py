"""What can be put right without guessing: each repair is one function, and says what it did.

A repair never changes a text, only what is said about it; what it cannot decide stays as it is. The white space at
the edges of a text and its translation is no part of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from encodery.data.formats.tags import split_tag
from encodery.data.validation.answers import only_place
from encodery.data.validation.duplicates import is_repeated
from encodery.data.validation.labels import LABELLED
from encodery.data.validation.pairs import EDGES, blank_side, edged
from encodery.data.validation.rows import LABEL, Row, Span, label_of
from encodery.data.validation.schemes import orphans
from encodery.data.validation.spans import sound
from encodery.data.validation.survey import Survey
from encodery.data.validation.validating import Split, judged_rows
from encodery.files.records import Record


@dataclass(frozen=True)
class Repaired:
    """One thing that was done to a record."""

    code: str
    split: str
    source: str
    message: str


Change = tuple[Record, str]
"""The record as it is now, and what was done, if anything was."""
Repair = Callable[[Row, Survey], Change]


def spell_labels(row: Row, survey: Survey) -> Change:
    """Every label in its most frequent spelling."""
    if not survey.classes or row.kind not in LABELLED:
        return row.record, ""
    spelled = {name: usual for name in row.labels if (usual := survey.usual_spelling(name)) != name}
    if not spelled:
        return row.record, ""
    shown = ", ".join(f"{name!r:.40} → {usual!r:.40}" for name, usual in spelled.items())
    return {**row.record, **_spelled(row, spelled)}, f"label {shown}"


def _spelled(row: Row, spelled: Mapping[str, str]) -> Record:
    label = row.record.get(LABEL)
    if row.kind == "text-classification":
        if isinstance(label, list):
            return {LABEL: list(dict.fromkeys(spelled.get(str(entry), entry) for entry in label))}
        return {LABEL: spelled.get(str(label), label)}
    changed: Record = {}
    if row.tags is not None:
        changed["tags"] = [_tag(tag, spelled) for tag in row.tags]
    if row.entities:
        names = {span.index: spelled.get(span.label, span.label) for span in row.entities}
        changed["entities"] = _changed_entities(row, {index: {"label": name} for index, name in names.items()})
    return changed


def _tag(tag: str, spelled: Mapping[str, str]) -> str:
    label = label_of(tag)
    return tag.removesuffix(label) + spelled.get(label, label) if label else tag


def trim_spans(row: Row, survey: Survey) -> Change:
    """Entities and answers from their first to their last visible character."""
    trimmed = {span.index: _trimmed(row.text, span) for span in sound(row)}
    moved = {span.index: trimmed[span.index] for span in sound(row) if trimmed[span.index] != span}
    moved = {index: span for index, span in moved.items() if span.start < span.end}
    if not moved:
        return row.record, ""
    done = ", ".join(f"{span} without its blank edges" for span in moved.values())
    if row.kind == "question-answering":
        return _with_answers(row, moved), done
    changes: dict[int, dict[str, Any]] = {}
    for index, span in moved.items():
        changes[index] = {"start": span.start, "end": span.end}
        if span.given is not None:
            changes[index]["text"] = span.given
    return {**row.record, "entities": _changed_entities(row, changes)}, done


def _trimmed(text: str, span: Span) -> Span:
    inside = text[span.start : span.end]
    start = span.start + len(inside) - len(inside.lstrip())
    end = span.end - (len(inside) - len(inside.rstrip()))
    # a stated text that is another one is not ours to change
    given = text[start:end] if span.given == inside else span.given
    return replace(span, start=start, end=end, given=given)


def drop_repeated_entities(row: Row, survey: Survey) -> Change:
    """Each entity once."""
    first = {(span.start, span.end, span.label): span.index for span in reversed(row.entities)}
    again = {span.index for span in row.entities} - set(first.values())
    if not again:
        return row.record, ""
    kept = [item for index, item in enumerate(row.record["entities"]) if index not in again]
    return {**row.record, "entities": kept}, f"{len(again)} repeated entities removed"


def move_answers(row: Row, survey: Survey) -> Change:
    """Offsets of answers that can be in one place alone."""
    moved = {}
    for span in row.answers:
        place = only_place(row, span)
        if place is not None and place != span.start:
            moved[span.index] = replace(span, start=place, end=place + len(span.given or ""))
    if not moved:
        return row.record, ""
    return _with_answers(row, moved), ", ".join(f"answer_start[{i}] = {span.start}" for i, span in moved.items())


def begin_entities(row: Row, survey: Survey) -> Change:
    """IOB2: I- that continues nothing becomes B-, which is how conlleval reads it."""
    if row.tags is None or survey.scheme != "IOB2" or not (found := list(orphans(row.tags, "IOB2"))):
        return row.record, ""
    tags = list(row.tags)
    for index in found:
        tags[index] = f"B-{split_tag(tags[index])[1]}"
    return {**row.record, "tags": tags}, ", ".join(f"tags[{index}] = {tags[index]!r:.40}" for index in found)


def trim_sides(row: Row, survey: Survey) -> Change:
    """A text and its translation without white space at their edges."""
    trimmed = {name: text.strip() for name, text in edged(row)}
    done = f"{' and '.join(trimmed)} without white space at the edges" if trimmed else ""
    return {**row.record, **trimmed}, done


def _changed_entities(row: Row, changes: Mapping[int, Mapping[str, Any]]) -> list[Any]:
    return [
        {**item, **changes[index]} if index in changes else item for index, item in enumerate(row.record["entities"])
    ]


def _with_answers(row: Row, spans: Mapping[int, Span]) -> Record:
    answers = row.record["answers"]
    texts, starts = list(answers["text"]), list(answers["answer_start"])
    for index, span in spans.items():
        texts[index], starts[index] = span.given, span.start
    return {**row.record, "answers": {**answers, "text": texts, "answer_start": starts}}


REPAIRS: Sequence[tuple[str, Repair]] = (
    ("L003", spell_labels),
    ("Q001", move_answers),
    ("S005", trim_spans),
    ("S008", drop_repeated_entities),
    ("B001", begin_entities),
    (EDGES, trim_sides),
)
"""In this order: each sees what the ones before have made."""
REPEATED, BLANK = "D001", "R003"


def repair(splits: Sequence[Split], survey: Survey, tell: Callable[[Repaired], None]) -> Iterator[tuple[str, Record]]:
    """Split and record, as it should be, with the columns of the file; `tell` hears of each change.

    Raises:
        UserError: as `validate`.
    """
    for row in judged_rows(splits, survey):
        if reason := _left_out(row, survey):
            tell(Repaired(reason[0], row.split, row.source, f"left out: {reason[1]}"))
            continue
        fixed = row
        for code, change in REPAIRS:
            record, done = change(fixed, survey)
            if done:
                tell(Repaired(code, row.split, row.source, done))
                fixed = replace(fixed, record=record)
        columns = survey.options.columns.of(row.kind, row.given)
        yield row.split, columns.write_back(row.given, row.record, fixed.record)


def _left_out(row: Row, survey: Survey) -> tuple[str, str] | None:
    """The code and the reason, if a record is better not there."""
    if row.kind == "translation" and (name := blank_side(row)):
        return BLANK, f"{name} is empty"
    if not is_repeated(row, survey):
        return None
    what = "translation" if row.kind == "translation" else "label"
    return REPEATED, f"the same text and {what} are there before"
