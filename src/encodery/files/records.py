"""From a byte stream to records: JSON Lines, comma- and tab-separated tables with a header, and Parquet."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, Literal

from encodery.errors import DamageError, UserError
from encodery.files.streams import UNREADABLE, EncodingErrors, read_lines, reading
from encodery.files.tables import read_table

RecordFormat = Literal["jsonl", "csv", "tsv", "parquet"]
Record = dict[str, Any]

RECORD_SUFFIXES: dict[str, RecordFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_PARQUET_ROWS = 256


def read_records(
    stream: io.BufferedReader,
    name: str,
    file_format: RecordFormat,
    *,
    columns: tuple[str, ...] = (),
    encoding_errors: EncodingErrors = "strict",
    hint: str = "convert the file to UTF-8",
    damaged: Callable[[DamageError], None] | None = None,
) -> Iterator[tuple[int, Record]]:
    """The records of a stream, each with the line (in Parquet: the row) it starts on.

    Args:
        columns: all that the caller will look at, when known: Parquet then reads nothing else.
        encoding_errors, hint: see `streams.read_lines`.
        damaged: told of each line that is no record and each row that does not fit, which are then passed over. In
            Parquet all damage is that of the file.

    Raises:
        UserError: malformed JSON, a row that does not fit its header, a broken Parquet file, text that is not UTF-8.
    """
    if file_format == "parquet":
        return _read_parquet(stream, name, columns)
    lines = read_lines(stream, name, encoding_errors, hint, damaged)
    if file_format == "jsonl":
        return _read_json_lines(lines, name, encoding_errors, damaged)
    return read_table(lines, name, "," if file_format == "csv" else "\t", damaged)


def _read_json_lines(
    lines: Iterator[str],
    name: str,
    encoding_errors: EncodingErrors,
    damaged: Callable[[DamageError], None] | None,
) -> Iterator[tuple[int, Record]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line == UNREADABLE:
            continue
        try:
            record = json_record(line, f"{name}:{number}", encoding_errors)
        except DamageError as error:
            if damaged is None:
                raise
            damaged(error)
        else:
            yield number, record


def json_record(line: str, location: str, encoding_errors: EncodingErrors = "strict") -> Record:
    """The record that a line of JSON Lines is.

    Raises:
        UserError: it is no JSON object, or holds half a character; begins with `location`.
    """
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        where = f"{error.msg[:1].lower()}{error.msg[1:]} at column {error.colno}"
        raise DamageError(f"{location}: not JSON ({where}); write one JSON object per line") from None
    except (ValueError, RecursionError):
        raise DamageError(f"{location}: not JSON that can be read (too deep, or too long a number)") from None
    if not isinstance(record, dict):
        kind = {list: "an array", str: "a string", type(None): "null"}.get(type(record), "a single value")
        raise DamageError(f"{location}: {kind} where an object is expected; write one JSON object per line")
    if "\\ud" in line or "\\uD" in line:
        return without_half_pairs(record, location, encoding_errors)  # type: ignore[no-any-return]
    return record


def without_half_pairs(record: Any, location: str, encoding_errors: EncodingErrors) -> Any:
    """The record itself, or repaired: JSON can escape half a surrogate pair, which no encoding of Unicode can hold.

    Raises:
        UserError: it has such a half, and `encoding_errors` is strict.
    """
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if encoding_errors == "strict":
            half = f"\\u{ord(text[error.start]):04x}"
            raise DamageError(f"{location}: {half} is half a character (surrogate); repair the record") from None
        return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return record


def _reads_blocks(raw: object) -> bool:
    """Whether any part of it can be fetched: an `AbstractBufferedFile` of fsspec."""
    return hasattr(raw, "blocksize") and hasattr(raw, "cache")


def _read_parquet(stream: io.BufferedReader, name: str, columns: tuple[str, ...]) -> Iterator[tuple[int, Record]]:
    """Rows batch by batch; a stream that cannot seek cheaply (from an archive) is taken into memory first."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UserError(
            f'{name}: reading Parquet needs the package pyarrow; pip install "encodery[corpus]"'
        ) from None
    seekable = isinstance(stream.raw, io.FileIO) or _reads_blocks(stream.raw)
    with reading(name):
        source = stream if seekable else io.BytesIO(stream.read())
    row = 0
    try:
        file = parquet.ParquetFile(source, pre_buffer=False)
        wanted = list(columns) if columns and set(columns) <= set(file.schema_arrow.names) else None
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=wanted, use_threads=False):
            for record in batch.to_pylist():
                row += 1
                yield row, record
    except UnicodeDecodeError:
        raise DamageError(f"{name}: invalid UTF-8 in one of the rows from {row + 1} on; write it again") from None
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise DamageError(f"{name}: broken Parquet file ({reason}); fetch or write it again") from None
