"""Labelled examples: records from a file, with columns renamed to what they mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from encodery.config import Config
from encodery.data.formats import read_labelled
from encodery.errors import UserError
from encodery.files import records

Label = str | int | float | tuple[str, ...]
"""As the record has it: the name of a class, a number, or the names of any number of classes."""


class ExampleFields(Config):
    """The columns that hold the text, the second text of a pair and the language (may be absent), and the label."""

    text: str = "text"
    text_pair: str = "text_pair"
    label: str = "label"
    language: str = "language"
    label_separator: str | None = Field(default=None, min_length=1)
    """Labels that are text are lists whose entries this separates: `"|"` makes `sad|calm` two labels."""


@dataclass(frozen=True)
class Example:
    """One text, or pair of texts, with its label and language if it has them; `source` is `file:line`."""

    text: str
    text_pair: str | None
    label: Label | None
    source: str
    language: str | None = None


def read_records(path: Path) -> Iterator[tuple[str, records.Record]]:
    """Records of a file of any format that `formats.detect` knows, each with its `file:line`.

    Raises:
        UserError: a missing, empty or broken file, an unknown format, malformed JSON, a row that does not fit its
            header, invalid UTF-8.
    """
    return read_labelled(path)


def read_examples(path: Path, fields: ExampleFields | None = None, require_label: bool = False) -> list[Example]:
    """The examples of a file, in order.

    Raises:
        UserError: as `read_records`; a column that is not there, an empty text, a language that is no text, a label
            that is no `Label` or, with `require_label`, is missing.
    """
    fields = fields or ExampleFields()
    return [_example(source, record, fields, require_label) for source, record in read_records(path)]


def _example(source: str, record: records.Record, fields: ExampleFields, require_label: bool) -> Example:
    # Only a renamed second text has to be there: without a name of its own there may be none.
    paired = fields.text_pair in record or fields.text_pair != ExampleFields.model_fields["text_pair"].default
    return Example(
        text=_text(source, record, "text", fields.text),
        text_pair=_text(source, record, "text_pair", fields.text_pair) if paired else None,
        label=_label(source, record, fields, require_label),
        source=source,
        language=_language(source, record, fields.language),
    )


def _column(source: str, record: records.Record, meaning: str, name: str) -> Any:
    if name not in record:
        columns = ", ".join(record) or "none"
        raise UserError(
            f"{source}: no column {name!r}; the columns are: {columns}; set fields.{meaning} to the one that "
            f"holds the {'label' if meaning == 'label' else 'text'}"
        )
    return record[name]


def _text(source: str, record: records.Record, meaning: str, name: str) -> str:
    text = _column(source, record, meaning, name)
    if not isinstance(text, str):
        raise UserError(f"{source}: {name} = {text!r:.80} is not a string; repair the record")
    if not text.strip():
        raise UserError(f"{source}: {name} is empty; remove or repair the record")
    return text


def _language(source: str, record: records.Record, name: str) -> str | None:
    language = record.get(name)
    if not isinstance(language, str | None):
        raise UserError(f"{source}: {name} = {language!r:.80} is not a string; repair the record")
    return language or None


def _label(source: str, record: records.Record, fields: ExampleFields, required: bool) -> Label | None:
    name = fields.label
    if required:
        _column(source, record, "label", name)
    label = record.get(name)
    if isinstance(label, str) and fields.label_separator:
        return _entries([part.strip() for part in label.split(fields.label_separator)])
    if label is None or label == "":
        if required:
            raise UserError(f"{source}: {name} is missing; every example needs a label here")
        return None
    if isinstance(label, list) and not any(
        isinstance(entry, bool) or not isinstance(entry, str | int) for entry in label
    ):
        return _entries(label)
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        raise UserError(
            f"{source}: {name} = {label!r:.80} is neither text, a number nor a list of texts; repair the record"
        )
    return label


def _entries(label: Sequence[str | int]) -> tuple[str, ...]:
    """The entries of a list, each once; empty ones are none, so that an empty cell is an empty list."""
    return tuple(dict.fromkeys(str(entry) for entry in label if entry != ""))
