"""Plain records: JSON Lines, an array of JSON objects, comma- and tab-separated tables, Parquet."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from encodery.data.formats.features import converters, features_of_metadata, named
from encodery.data.formats.json_document import Document
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.squad import question_form
from encodery.errors import UserError
from encodery.files import records
from encodery.files.records import Record, RecordFormat
from encodery.files.streams import open_bytes, read_lines

_BLANK = " \t\r"


def read_plain(path: Path, file_format: RecordFormat) -> Iterator[tuple[str, Record]]:
    """Records as they stand; of Parquet with the features of `datasets`, names of classes instead of numbers.

    Answers of questions take the one form of `squad.answers_form`.
    """
    convert = converters(_parquet_features(path)) if file_format == "parquet" else {}
    with open_bytes(path) as stream:
        for line, record in records.read_records(stream, str(path), file_format):
            source = f"{path}:{line}"
            yield source, _question(source, named(source, record, convert))


def read_json(path: Path, options: FormatOptions) -> Iterator[tuple[str, Record]]:
    """The objects of a JSON array."""
    for source, value in Document(path).records():
        if not isinstance(value, dict):
            raise UserError(f"{source}: {value!r:.80} where an object is expected; write an array of objects")
        yield source, _question(source, value)


def json_rows(path: Path) -> Iterator[tuple[str, Any]]:
    """The values of a JSON array, or one per line: tools export both."""
    with open_bytes(path) as stream:
        first = next((line for line in read_lines(stream, str(path)) if line.strip(_BLANK)), "")
    if first.lstrip(_BLANK).startswith("["):
        yield from Document(path).records()
        return
    with open_bytes(path) as stream:
        for line, record in records.read_records(stream, str(path), "jsonl"):
            yield f"{path}:{line}", record


def _question(source: str, record: Record) -> Record:
    """Only lists are rewritten: text in `answers`, as tables have it, and null are the caller's to understand."""
    if "question" not in record or "context" not in record or isinstance(record.get("answers"), str | None):
        return record
    return question_form(source, record)


def _parquet_features(path: Path) -> Any:
    """The features in the footer; a broken file is left to the reader, which has the message for it."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None
    with open_bytes(path) as stream:
        try:
            source = stream if isinstance(stream.raw, io.FileIO) else io.BytesIO(stream.read())
            schema = parquet.read_schema(source)
        except (pyarrow.ArrowException, OSError, EOFError):
            return None
    return features_of_metadata(str(path), schema.metadata)


def json_line(source: str, value: Any) -> str:
    """A value as one line of JSON.

    Raises:
        UserError: something that JSON has no form for, or half a surrogate pair.
    """
    try:
        line = json.dumps(value, ensure_ascii=False)
        line.encode()
    except (TypeError, ValueError) as error:
        raise UserError(f"{source}: JSON cannot hold it ({error}); repair the record") from None
    return line


def prepare_row(source: str, record: Record) -> Record:
    """The record as a table holds it: numbers as text, nothing as an empty cell.

    Raises:
        UserError: a list or an object, which a cell cannot hold.
    """
    for key, value in record.items():
        if not isinstance(value, str | int | float | None):
            raise UserError(f"{source}: {key} = {value!r:.80} does not fit into a cell of a table; write jsonl")
    return {key: "" if value is None else str(value) for key, value in record.items()}


def table_lines(rows: Sequence[Record], delimiter: str) -> Iterator[str]:
    """The lines of a table: a header, then prepared rows; a column that some lack is empty there."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    yield _row(columns, delimiter)
    for row in rows:
        yield _row([row.get(column, "") for column in columns], delimiter)


def _row(cells: list[str], delimiter: str) -> str:
    if delimiter == "\t":
        return "\t".join(map(_tab_cell, cells))
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # fields that hold a part of it are quoted
    return text.getvalue().removesuffix("\r\n")


def _tab_cell(cell: str) -> str:
    """A quote inside a field means nothing in these tables, one that opens it does."""
    if cell.startswith('"') or any(character in cell for character in "\t\n\r"):
        return '"' + cell.replace('"', '""') + '"'
    return cell
