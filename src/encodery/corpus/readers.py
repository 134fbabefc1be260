"""Documents from files: text, JSON Lines, tables and Parquet; compressed, archived, in folders; always streamed.

Memory is bounded by the longest document (plain text: 16 Mi characters), whatever the number and size of the files.
"""

import io
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from encodery.corpus.inputs import (
    CorpusInput,
    Format,
    InputFile,
    accepts,
    files_of,
    format_of,
    input_files,
    is_container,
    nothing_readable,
)
from encodery.errors import UserError
from encodery.files.records import read_records
from encodery.files.streams import decompress, inner_suffix, open_bytes, read_lines, reading

__all__ = ["CorpusInput", "Document", "input_files", "read_documents"]

OpenMember = Callable[[], Any]  # a readable binary file

MAX_DOCUMENT_CHARS = 1 << 24
_ENCODING_HINT = 'set encoding_errors = "replace" or convert the file to UTF-8'
_TAR_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True)
class Document:
    """A text and where it came from: `source` is a path or `archive!member`, `line` its first line or row.

    `language` is what the input or the record says; "" if they say nothing.
    """

    text: str
    source: str
    line: int
    language: str = ""


def read_documents(inputs: Sequence[CorpusInput], base: Path) -> Iterator[Document]:
    """The documents of all inputs, in the order of the inputs, of the sorted files, of the lines.

    In plain text a blank line ends a document and lines stay apart ("\\n"); in the other formats a record is a
    document. Empty documents are skipped. Files are searched for at once, read as the iterator advances.

    Raises:
        UserError: as `input_files`; while reading: invalid UTF-8, binary data, malformed records, a record without
            the text field, a broken archive, and no document at all.
    """
    found = [(entry, files_of(entry, base)) for entry in inputs]
    return _read_all(found)


def _read_all(found: Sequence[tuple[CorpusInput, Sequence[InputFile]]]) -> Iterator[Document]:
    empty = True
    for entry, files in found:
        for path in files:
            for document in _read_file(path, entry):
                empty = False
                yield document
    if empty:
        paths = ", ".join(entry.path for entry, _ in found) or "no input is named"
        count = sum(len(files) for _, files in found)
        raise UserError(f"the corpus is empty: no text in {count} file(s) ({paths}); add text")


def _read_file(path: InputFile, entry: CorpusInput) -> Iterator[Document]:
    if is_container(path.name):
        yield from _read_archive(path, entry)
        return
    # A file that was named outright need not have a suffix that tells its format: then `format` does.
    chosen = format_of(path.name) if entry.format == "auto" else entry.format
    assert chosen is not None
    with open_bytes(path) as stream:
        yield from _read_stream(stream, str(path), chosen, entry)


def _read_archive(path: InputFile, entry: CorpusInput) -> Iterator[Document]:
    """Members of a known format, in the archive's order. Their paths are only names: nothing is unpacked to disk."""
    members = _zip_members if inner_suffix(path.name) == ".zip" else _tar_members
    skipped: list[str] = []
    any_read = False
    # Closed by hand: an error leaves the generator waiting, with the archive open, until it is collected.
    with closing(members(path)) as found:
        for member, open_member in found:
            if PurePosixPath(member).name.startswith("."):
                continue
            chosen = format_of(member)
            if chosen is None or not accepts(entry, member):
                skipped.append(member)
                continue
            any_read = True
            yield from _read_member(f"{path}!{member}", open_member, chosen, entry)
    if not any_read:
        raise nothing_readable(str(path), skipped, entry)


def _read_member(source: str, open_member: OpenMember, chosen: Format, entry: CorpusInput) -> Iterator[Document]:
    with ExitStack() as opened:
        try:
            with reading(source):
                file = opened.enter_context(open_member())
        except RuntimeError:
            raise UserError(f"{source}: it has a password or a rare compression; pack it again without") from None
        stream = opened.enter_context(decompress(file, source))
        yield from _read_stream(stream, source, chosen, entry)


def _zip_members(path: InputFile) -> Generator[tuple[str, OpenMember], None, None]:
    with reading(str(path)), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, partial(archive.open, info)


def _tar_members(path: InputFile) -> Generator[tuple[str, OpenMember], None, None]:
    with (
        open_bytes(path) as stream,
        reading(str(path)),
        tarfile.open(fileobj=stream, mode="r|", bufsize=_TAR_BUFFER_BYTES) as archive,
    ):
        while (info := archive.next()) is not None:
            if info.isreg():
                yield info.name, partial(archive.extractfile, info)
            archive.members = []  # type: ignore[attr-defined]  # a million files would leave a million headers


def _read_stream(stream: io.BufferedReader, source: str, chosen: Format, entry: CorpusInput) -> Iterator[Document]:
    if chosen == "txt":
        lines = read_lines(stream, source, entry.encoding_errors, _ENCODING_HINT)
        if entry.language_field is not None:
            raise UserError(f"{source}: plain text has no field {entry.language_field!r}; set language instead")
        yield from _split_at_blank_lines(lines, source, entry.language or "")
        return
    wanted = [entry.text_field, *([entry.language_field] if entry.language_field else [])]
    records = read_records(
        stream,
        source,
        chosen,
        columns=tuple(wanted),
        encoding_errors=entry.encoding_errors,
        hint=_ENCODING_HINT,
    )
    for line, record in records:
        text = _string(record, entry.text_field, "text_field", f"{source}:{line}")
        language = entry.language or ""
        if entry.language_field:
            language = _string(record, entry.language_field, "language_field", f"{source}:{line}")
        if text.strip():
            yield Document(text.replace("\r\n", "\n"), source, line, language)


def _string(record: Mapping[str, Any], field: str, setting: str, place: str) -> str:
    """A field of a record that must be there and hold text."""
    if field not in record:
        keys = ", ".join(record) or "nothing"
        raise UserError(f"{place}: no field {field!r}; it has: {keys}; set {setting}")
    value = record[field]
    if not isinstance(value, str):
        found = "null" if value is None else f"{type(value).__name__} {value!r}"
        raise UserError(f"{place}: {field!r} is {found[:80]}, not a string; repair the record")
    return value


def _split_at_blank_lines(lines: Iterator[str], source: str, language: str) -> Iterator[Document]:
    """Documents of plain text; one that grows past the bound goes on as a further document."""
    part: list[str] = []
    start = size = 0
    for number, line in enumerate(lines, start=1):
        blank = not line.strip()
        if part and (blank or size + len(line) > MAX_DOCUMENT_CHARS):
            yield Document("\n".join(part), source, start, language)
            part, size = [], 0
        if blank:
            continue
        start = start if part else number
        part.append(line)
        size += len(line) + 1
    if part:
        yield Document("\n".join(part), source, start, language)
