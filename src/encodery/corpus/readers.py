"""Documents from files: text, JSON Lines, tables and Parquet; compressed, archived, in folders; always streamed.

Memory is bounded by the longest document (plain text: 16 Mi characters), whatever the number and size of the files.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from encodery.corpus.archives import opened_files
from encodery.corpus.inputs import CorpusInput, Format, InputFile, files_of, input_files, record_format
from encodery.corpus.ledger import Ledger
from encodery.corpus.reading.fields import FieldError, FieldSetting, string_field, told_field
from encodery.corpus.reading.web import WEB_READERS
from encodery.corpus.scripts import is_without_spaces
from encodery.errors import DamageError, UserError
from encodery.files.records import read_records
from encodery.files.streams import UNREADABLE, decompress, read_lines

__all__ = ["CorpusInput", "Document", "input_files", "read_documents"]

MAX_DOCUMENT_CHARS = 1 << 24
_ENCODING_HINT = 'set encoding_errors = "replace" or convert the file to UTF-8'


@dataclass(frozen=True)
class Document:
    """A text and where it came from: `source` is a path or `archive!member`, `line` its first line or row.

    `language` is what the input or the record says, `url` and `date` what the record does; "" if they say nothing.
    """

    text: str
    source: str
    line: int
    language: str = ""
    url: str = ""
    date: str = ""


def read_documents(inputs: Sequence[CorpusInput], base: Path) -> Iterator[Document]:
    """The documents of all inputs, in the order of the inputs, of the sorted files, of the lines.

    In plain text a blank line ends a document and lines stay apart ("\\n"), or a file is one
    (`CorpusInput.documents`); in the other formats a record is a document. Empty documents are skipped. Files are
    searched for at once, read as the iterator advances.

    Raises:
        UserError: as `input_files`; while reading: invalid UTF-8, binary data, malformed records, a record without
            the text field, a broken archive or crawl file, and no document at all.
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
    with closing(opened_files(path, entry)) as opened:
        for source, stream, chosen in opened:
            if (read := WEB_READERS.get(chosen)) is None:
                yield from read_stream(decompress(stream, source), source, chosen, entry)
                continue
            ledger = Ledger()
            for number, page in enumerate(read(stream, source, entry, ledger), start=1):
                _without_damage(ledger)
                yield Document(page.text, page.source, number, page.language)
            _without_damage(ledger)


def _without_damage(ledger: Ledger) -> None:
    for place, reason in ledger.damage[:1]:
        hint = "fetch the file again, or add [corpus.clean], which counts damage and reads on"
        raise DamageError(f"{place}: {reason}; {hint}")


def read_stream(
    stream: io.BufferedReader,
    source: str,
    chosen: Format,
    entry: CorpusInput,
    damaged: Callable[[DamageError], None] | None = None,
) -> Iterator[Document]:
    """The documents of one file of text or records, decompressed; raises as `read_documents` does.

    Args:
        damaged: told of each line and record that cannot be used, which is then passed over, and of a language, an
            address or a date that a record does not say, which is then not known (`FieldError`).
    """
    if chosen == "txt":
        lines = read_lines(stream, source, entry.encoding_errors, _ENCODING_HINT, damaged)
        if entry.language_field is not None:
            raise UserError(f"{source}: plain text has no field {entry.language_field!r}; set language instead")
        if (field := entry.url_field or entry.date_field) is not None:
            raise UserError(f"{source}: plain text has no field {field!r}; leave it out, or name the records alone")
        documents = _whole if entry.documents == "file" else _split_at_blank_lines
        yield from documents(lines, source, entry.language or "")
        return
    fields = filter(None, (entry.text_field, entry.language_field, entry.url_field, entry.date_field))
    wanted = dict.fromkeys(name for field in fields for name in (field, field.partition(".")[0]))
    known = record_format(chosen)
    assert known is not None
    records = read_records(
        stream,
        source,
        known,
        columns=tuple(wanted),
        encoding_errors=entry.encoding_errors,
        hint=_ENCODING_HINT,
        damaged=damaged,
    )
    for line, record in records:
        place, language = f"{source}:{line}", entry.language or ""
        try:
            text = string_field(record, entry.text_field, "text_field", place)
            if text.strip() and entry.language_field:
                language = string_field(record, entry.language_field, "language_field", place)
        except FieldError as error:
            if damaged is None:
                raise
            damaged(error)
            if error.setting == "text_field":
                continue
        if text.strip():
            url = _told(record, entry.url_field, "url_field", place, damaged)
            date = _told(record, entry.date_field, "date_field", place, damaged)
            yield Document(text.replace("\r\n", "\n"), source, line, language, url, date)


def _told(
    record: Mapping[str, Any],
    name: str | None,
    setting: FieldSetting,
    place: str,
    damaged: Callable[[DamageError], None] | None,
) -> str:
    """What a record need not say."""
    if name is None:
        return ""
    try:
        return told_field(record, name, setting, place)
    except FieldError as error:
        if damaged is not None:
            damaged(error)
        return ""


def _split_at_blank_lines(lines: Iterator[str], source: str, language: str) -> Iterator[Document]:
    """Documents of plain text; one that grows past the bound goes on as a further document."""
    part: list[str] = []
    start = size = 0
    for number, line in enumerate(lines, start=1):
        if line == UNREADABLE:
            continue
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


def _whole(lines: Iterator[str], source: str, language: str) -> Iterator[Document]:
    """The document that a file of plain text is; one that grows past the bound goes on as a further document."""
    paragraphs: list[str] = []
    begun: list[str] = []
    start = size = 0
    for number, line in enumerate(chain(lines, [""]), start=1):
        if line == UNREADABLE:
            continue
        if text := line.strip():
            start = start or number
            begun.append(text)
            size += len(text) + 1
        if begun and (not text or size > MAX_DOCUMENT_CHARS):
            paragraphs.append(_joined(begun))
            begun = []
        if size > MAX_DOCUMENT_CHARS:
            yield Document("\n".join(paragraphs), source, start, language)
            paragraphs, start, size = [], 0, 0
    if paragraphs:
        yield Document("\n".join(paragraphs), source, start, language)


def _joined(lines: Sequence[str]) -> str:
    """Wrapped lines as one; between letters of scripts without spaces there is none."""
    parts = [lines[0]]
    for before, line in pairwise(lines):
        parts += ["" if is_without_spaces(before[-1]) and is_without_spaces(line[0]) else " ", line]
    return "".join(parts)
