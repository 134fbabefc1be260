"""Checks of the records themselves: are the columns there, and of the right type?"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from encodery.data.validation.check import Found, check
from encodery.data.validation.finding import Place
from encodery.data.validation.rows import LABEL, LANGUAGES, TEXT_COLUMNS, TRANSLATION, Row, is_int, strings
from encodery.data.validation.survey import Survey


def needed_columns(row: Row) -> tuple[str, ...]:
    """Those without which the record is none of its task."""
    if row.kind == "text-classification":
        return ("text", LABEL)
    if row.kind == "question-answering":
        return ("question", "context", "answers")
    if row.kind == "multiple-choice":
        return ("text", "choices", LABEL)
    if row.kind == "translation":
        return (TRANSLATION,) if isinstance(row.record.get(TRANSLATION), dict) else ("text", TRANSLATION)
    return ("tokens", "tags") if row.record.keys() & {"tokens", "tags"} else ("text", "entities")


@check(
    "R001",
    "error",
    what="a column is missing",
    why="without its text and its label a record cannot be learned from",
    fix="give the column (a table needs a header row), or its name in the file: --field OURS=THEIRS",
)
def missing_column(row: Row, survey: Survey) -> Iterator[Found]:
    for name in needed_columns(row):
        if name not in row.record:
            columns = ", ".join(map(str, row.record)) or "none"
            yield Found(f"no column {name!r}; the columns are: {columns:.80}")


@check(
    "R002",
    "error",
    what="a value of the wrong type",
    why="the record cannot be read as one of its task",
    fix="write it as the message says, or remove the record",
)
def wrong_type(row: Row, survey: Survey) -> Iterator[Found]:
    for name in TEXT_COLUMNS[row.kind]:
        if name in row.record and not isinstance(row.record[name], str):
            if name == "text_pair" and row.record[name] is None:
                continue  # no pair, in tables whose other rows have one
            yield _unfit(name, row.record[name], _TABLE_OF_SIDES if name == TRANSLATION else "a text is needed")
    for name, needed in _STRUCTURES[row.kind].items():
        if name in row.record and (value := row.record[name]) is not None:
            yield from needed(name, value)
    for name in _LISTS.get(row.kind, ()):
        if name in row.record and row.record[name] is None:
            yield _unfit(name, None, "a list is needed")


@check(
    "R003",
    "error",
    what="an empty or blank text",
    why="there is nothing to read; training refuses it",
    fix="remove the record, or restore its text",
)
def blank_text(row: Row, survey: Survey) -> Iterator[Found]:
    for name, text in row.texts.items():
        if not text.strip():
            yield Found(f"{name} is {'blank' if text else 'empty'}", Place(text, 0, len(text)))
    if row.tokens is not None and not row.tokens:
        yield Found("tokens is empty")


@check(
    "R004",
    "error",
    what="no label",
    why="training needs a label for every record",
    fix="label the record, or remove it",
    kinds=("text-classification",),
)
def no_label(row: Row, survey: Survey) -> Iterator[Found]:
    label = row.record.get(LABEL, "absent")
    if label is None or (isinstance(label, str) and not label.strip()):
        yield Found(f"label = {label!r}")


@check(
    "R005",
    "warning",
    what="an id that an earlier record of the split has",
    why="predictions and scores that go by id mix the two up",
    fix="give every record an id of its own",
)
def repeated_id(row: Row, survey: Survey) -> Iterator[Found]:
    if earlier := survey.same_id(row):
        yield Found(f"id = {row.record['id']!r:.80} is also that of {earlier.source}")


def _unfit(name: str, value: Any, needed: str) -> Found:
    return Found(f"{name} = {value!r:.80}; {needed}")


def _label(name: str, value: Any) -> Iterator[Found]:
    entries = value if isinstance(value, list) else [value]
    plain = all(isinstance(entry, str) or is_int(entry) for entry in entries)
    number = isinstance(value, float) and math.isfinite(value)
    if not plain and not number:
        yield _unfit(name, value, "a text, a finite number or a list of texts is needed")


def _text(name: str, value: Any) -> Iterator[Found]:
    if not isinstance(value, str):
        yield _unfit(name, value, "a text is needed")


def _texts(name: str, value: Any) -> Iterator[Found]:
    if strings(value) is None:
        yield _unfit(name, value, "a list of texts is needed")


def _entities(name: str, value: Any) -> Iterator[Found]:
    if not isinstance(value, list):
        yield _unfit(name, value, 'a list of {"start", "end", "label"} is needed')
        return
    for index, item in enumerate(value):
        fits = isinstance(item, dict) and is_int(item.get("start")) and is_int(item.get("end"))
        if not fits or not isinstance(item.get("label"), str) or not item["label"].strip():
            yield _unfit(f"entities[{index}]", item, '{"start": 3, "end": 8, "label": "PER"} is the form')
        elif not isinstance(item.get("text"), str | None):
            yield _unfit(f"entities[{index}].text", item["text"], "a text is needed, or none")


def _answers(name: str, value: Any) -> Iterator[Found]:
    if not isinstance(value, dict):
        yield _unfit(name, value, '{"text": ["..."], "answer_start": [0]} is the form')
        return
    for key, fits, needed in (("text", _is_text, "texts"), ("answer_start", is_int, "whole numbers")):
        listed = value.get(key)
        if listed is None:
            continue  # Q003 says it
        if not isinstance(listed, list) or not all(item is None or fits(item) for item in listed):
            yield _unfit(f"{name}.{key}", listed, f"a list of {needed} is needed")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_TABLE_OF_SIDES = 'a text is needed, or without a column text {"en": "...", "de": "..."}, in the two languages'
_LISTS: Mapping[str, tuple[str, ...]] = {
    "token-classification": ("tokens", "tags", "entities"),
    "multiple-choice": ("choices",),
}
_STRUCTURES: Mapping[str, Mapping[str, Any]] = {
    "text-classification": {LABEL: _label},
    "token-classification": {"tokens": _texts, "tags": _texts, "entities": _entities},
    "question-answering": {"answers": _answers},
    "multiple-choice": {"choices": _texts},
    "translation": dict.fromkeys(LANGUAGES, _text),
}
