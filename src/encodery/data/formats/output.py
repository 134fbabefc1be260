"""Writing text and JSON to a path, compressed where its name says so."""

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from encodery.data.formats.tables import json_line
from encodery.errors import UserError


@contextmanager
def compressed(path: Path) -> Iterator[IO[bytes]]:
    """A file to write bytes to, compressed by its suffix; gzip without a date, so that equal data are equal files.

    Raises:
        UserError: zstandard is missing.
    """
    with path.open("wb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as stream:
                yield cast(IO[bytes], stream)
        elif path.name.lower().endswith(".zst"):
            with _zstd(path, file) as stream:
                yield stream
        else:
            yield file


def _zstd(path: Path, file: IO[bytes]) -> Any:
    try:
        import zstandard
    except ImportError:
        raise UserError(f'{path}: writing .zst needs the package zstandard; pip install "encodery[corpus]"') from None
    return zstandard.ZstdCompressor().stream_writer(file, closefd=False)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Lines in UTF-8.

    Raises:
        UserError: half a surrogate pair, which UTF-8 cannot hold.
    """
    with compressed(path) as stream:
        for number, line in enumerate(lines, start=1):
            try:
                stream.write(f"{line}\n".encode())
            except UnicodeEncodeError as error:
                raise UserError(
                    f"line {number}: UTF-8 cannot hold {line[error.start]!r}; repair the record"
                ) from None


def write_json_lines(path: Path, values: Sequence[Any]) -> None:
    """One value a line."""
    write_lines(path, (json_line(f"record {number}", value) for number, value in enumerate(values, start=1)))


def write_document(path: Path, value: Any) -> None:
    """A JSON document with one record a line, so that messages about it can name the line."""
    write_lines(path, _document(value))


def _document(value: Any) -> Iterator[str]:
    """Arrays of objects, and the objects around them, are spread over lines; everything else is on one."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield "["
        for at, entry in enumerate(value):
            yield from _followed(_entry(entry), at + 1 < len(value))
        yield "]"
        return
    yield "{"
    for at, (key, entry) in enumerate(value.items()):
        lines = _document(entry) if _is_nested(entry) else iter([json_line(key, entry)])
        yield from _followed(_opened(f"{json_line(key, key)}: ", lines), at + 1 < len(value))
    yield "}"


def _entry(entry: Any) -> Iterator[str]:
    """An entry of an array: spread only if it is an article or a passage of SQuAD."""
    if isinstance(entry, Mapping) and any(key in entry for key in ("paragraphs", "qas")):
        return _document(entry)
    return iter([json_line("entry", entry)])


def _is_nested(entry: Any) -> bool:
    return isinstance(entry, list) and bool(entry) and all(isinstance(value, dict) for value in entry)


def _opened(start: str, lines: Iterator[str]) -> Iterator[str]:
    yield start + next(lines)
    yield from lines


def _followed(lines: Iterator[str], more: bool) -> Iterator[str]:
    """A comma behind the last line if more follows."""
    line = next(lines)
    for following in lines:
        yield line
        line = following
    yield line + "," if more else line
