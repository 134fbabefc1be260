"""The files of `[[corpus.parallel]]`, each format in its own way of saying what belongs together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from encodery.corpus.inputs import format_of, record_format
from encodery.errors import UserError
from encodery.files.aligned import read_aligned
from encodery.files.moses_zip import read_moses_zip
from encodery.files.records import RecordFormat, read_records
from encodery.files.streams import EncodingErrors, inner_suffix, open_bytes, reading
from encodery.files.tmx import read_tmx
from encodery.files.verses import read_verses

PairFormat = Literal["txt", "verses", "tmx", "moses", RecordFormat]
Row = tuple[str | None, str | None, str]
"""The source, the target, and where they are; None for a side that the file lacks."""
_HINT = 'set encoding_errors = "replace" or convert the file to UTF-8'
_HEAD_BYTES = 1 << 12
_XML = (b"<?xml", b"<cesDoc", b"<!DOCTYPE")


@dataclass(frozen=True)
class Found:
    """What to read, and how."""

    format: PairFormat
    paths: tuple[Path, ...]
    """Of both sides, or of the one file."""
    fields: tuple[str, str]
    languages: tuple[str, str]
    encoding_errors: EncodingErrors


def chosen_format(paths: tuple[Path, ...], has_fields: bool) -> PairFormat:
    """The format of files by their suffixes, and where these say nothing, by their first bytes.

    Raises:
        UserError: a file is missing; it is none of those that are read, or the two are not alike.
    """
    if len(paths) == 2:
        are_xml = [_is_xml(path) for path in paths]
        if len(set(are_xml)) > 1:
            xml, other = paths if are_xml[0] else paths[::-1]
            raise UserError(f'{xml}: XML, but {other} is not; give two files of one format, or set format = "txt"')
        return "verses" if are_xml[0] else "txt"
    (path,) = paths
    if has_fields:
        if (known := record_format(format_of(path.name))) is None:
            raise UserError(
                f"{path}: its suffix is not one of records; .jsonl, .csv, .tsv and .parquet are (plain, .gz or "
                '.zst), or set format, for example format = "jsonl"'
            )
        return known
    return _of_languages(path)


def _of_languages(path: Path) -> PairFormat:
    if inner_suffix(path.name) == ".tmx":
        return "tmx"
    with reading(str(path)), path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"PK"):
        return "moses"
    if _is_xml(path):
        return "tmx"
    raise UserError(
        f"{path}: neither a TMX file nor a zip; if it holds records, name their fields: source.field and target.field"
    )


def _is_xml(path: Path) -> bool:
    """Whether a file is XML, by its first bytes."""
    with open_bytes(path) as stream, reading(str(path)):
        head = stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "ignore").encode()
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((*_XML, b"<tmx"))


def read_pair_files(found: Found) -> Iterator[Row]:
    """The pairs in the order of the (first) file; raises as `parallel.read_pairs` does."""
    if found.format == "txt":
        return _read_lines(found)
    if found.format == "verses":
        return _read_verses(found)
    if found.format == "tmx":
        return _read_tmx(found)
    if found.format == "moses":
        pairs = read_moses_zip(found.paths[0], found.languages, found.encoding_errors, _HINT)
        return ((source, target, place) for place, source, target in pairs)
    return _read_records(found, found.format)


def _read_lines(found: Found) -> Iterator[Row]:
    for number, (source, target) in read_aligned(found.paths, found.encoding_errors, _HINT):
        yield source, target, f"{found.paths[0]}:{number}"


def _read_verses(found: Found) -> Iterator[Row]:
    """Joined by their ids in the order of the first file; what only the second one has comes last."""
    path, other = found.paths
    with open_bytes(other) as stream:
        targets = {verse: (line, text) for line, verse, text in read_verses(stream, str(other))}
    with open_bytes(path) as stream:
        for line, verse, text in read_verses(stream, str(path)):
            _, target = targets.pop(verse, (0, None))
            yield text, target, f"{path}:{line}"
    for line, text in targets.values():
        yield None, text, f"{other}:{line}"


def _read_tmx(found: Found) -> Iterator[Row]:
    (path,) = found.paths
    with open_bytes(path) as stream:
        for line, source, target in read_tmx(stream, str(path), found.languages):
            yield source, target, f"{path}:{line}"


def _read_records(found: Found, chosen: RecordFormat) -> Iterator[Row]:
    (path,), fields = found.paths, found.fields
    columns = tuple(dict.fromkeys(name for field in fields for name in (field, field.partition(".")[0])))
    with open_bytes(path) as stream:
        records = read_records(
            stream, str(path), chosen, columns=columns, encoding_errors=found.encoding_errors, hint=_HINT
        )
        for line, record in records:
            place = f"{path}:{line}"
            yield _text(record, fields[0], place), _text(record, fields[1], place), place


def _text(record: Mapping[str, Any], field: str, place: str) -> str:
    """A field of a record: its own name first, else the way through its tables. Nothing ("null") is an empty side."""
    value: Any = record
    for name in [field] if field in record else field.split("."):
        if not isinstance(value, Mapping) or name not in value:
            keys = ", ".join(map(str, value)) if isinstance(value, Mapping) else "no table"
            raise UserError(f"{place}: no field {field!r}; it has: {keys[:80]}; set source.field and target.field")
        value = value[name]
    if value is None:
        return ""
    if not isinstance(value, str):
        found = f"{type(value).__name__} {value!r}"
        raise UserError(f"{place}: {field!r} is {found[:80]}, not a string; repair the record")
    return value
