"""Labelled examples: records from a file, with columns renamed to what they mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from encodery.data import columns
from encodery.data.aligned import is_aligned, read_sides
from encodery.data.formats import read_labelled
from encodery.errors import UserError
from encodery.files import records

Label = str | int | float | tuple[str, ...]
"""As the record has it: the name of a class, a number, or the names of any number of classes."""


class ExampleFields(columns.Fields):
    """The columns that hold the text, the second text of a pair and the language (may be absent), and the label."""

    text: str = "text"
    text_pair: str = "text_pair"
    label: str = "label"
    language: str = "language"
    label_separator: str | None = Field(default=None, min_length=1)
    """Labels that are text are lists whose entries this separates: `"|"` makes `sad|calm` two labels."""

    @classmethod
    def keys(cls) -> list[str]:
        """What may stand in a record to predict for."""
        return [name for name in cls.model_fields if name != "label_separator"]


@dataclass(frozen=True)
class Example:
    """One text, or pair of texts, with its label and language if it has them; `source` is `file:line`."""

    text: str
    text_pair: str | None
    label: Label | None
    source: str
    language: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What a tokenizer reads of it."""
        return (self.text,) if self.text_pair is None else (self.text, self.text_pair)


def read_records(path: Path) -> Iterator[tuple[str, records.Record]]:
    """Records of a file of any format that `formats.detect` knows, or of two aligned ones (`data.aligned`), each with
    its `file:line`.

    Raises:
        UserError: a missing, empty or broken file, an unknown format, malformed JSON, a row that does not fit its
            header, invalid UTF-8.
    """
    return read_sides(path) if is_aligned(path) else read_labelled(path)


def read_examples(path: Path, fields: ExampleFields | None = None, require_label: bool = False) -> list[Example]:
    """The examples of a file, in order.

    Raises:
        UserError: as `read_records`; a column that is not there, an empty text, a language that is no text, a label
            that is no `Label` or, with `require_label`, is missing.
    """
    fields = fields or ExampleFields()
    return [read_example(source, record, fields, require_label) for source, record in read_records(path)]


def read_example(source: str, record: records.Record, fields: ExampleFields, require_label: bool) -> Example:
    """A record of a labelled file.

    Raises:
        UserError: as `read_examples`.
    """
    # Only a renamed second text has to be there: without a name of its own there may be none.
    paired = fields.text_pair in record or fields.text_pair != ExampleFields.model_fields["text_pair"].default
    return Example(
        text=columns.text(source, record, "text", fields.text),
        text_pair=columns.text(source, record, "text_pair", fields.text_pair) if paired else None,
        label=_label(source, record, fields, require_label),
        source=source,
        language=columns.language(source, record, fields.language),
    )


def input_example(source: str, record: records.Record) -> Example:
    """A record to predict for; a label in it is passed over.

    Raises:
        UserError: no text, or a value that is no text; begins with `source`.
    """
    paired = record.get("text_pair") is not None
    return Example(
        text=columns.given_text(source, record, "text"),
        text_pair=columns.given_text(source, record, "text_pair") if paired else None,
        label=None,
        source=source,
        language=columns.given_language(source, record),
    )


def _label(source: str, record: records.Record, fields: ExampleFields, required: bool) -> Label | None:
    name = fields.label
    if required:
        columns.column(source, record, "label", name)
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
