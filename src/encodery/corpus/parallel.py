"""Aligned sentences of two languages: two files with a sentence a line, or one file of records with both sides.

Line `n` of one file is the translation of line `n` of the other. Files are read as the iterator advances, compressed
or not; memory is bounded by the longest line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from encodery.config import Config
from encodery.corpus.inputs import format_of, record_format
from encodery.errors import UserError
from encodery.files.aligned import read_aligned
from encodery.files.records import read_records
from encodery.files.streams import EncodingErrors, open_bytes

_HINT = 'set encoding_errors = "replace" or convert the file to UTF-8'


def _absent(value: object) -> bool:
    """What is not given is not written."""
    return value is None


class ParallelSide(Config):
    """One side of aligned sentences: a file of its own, or a field of the records of a common one."""

    path: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    field: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """The field or column that holds the side's text; dots lead into tables: "translation.en"."""
    language: str | None = Field(default=None, pattern="^[^/]+$", exclude_if=_absent)
    """The language of the side, by the name that `corpus.inputs` have for it."""


class ParallelInput(Config):
    """`[[corpus.parallel]]`: two files of lines (`source.path`, `target.path`), or one of records (`path`)."""

    source: ParallelSide
    target: ParallelSide
    path: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """A file of records that holds both sides, in the fields that these name."""
    format: Literal["auto", "jsonl", "csv", "tsv", "parquet"] = "auto"
    """Of the records; `auto` goes by the suffix."""
    encoding_errors: EncodingErrors = "strict"

    @property
    def paths(self) -> list[str]:
        """The files it names."""
        return [path for path in (self.path, self.source.path, self.target.path) if path]

    @model_validator(mode="after")
    def _sides_are_files_or_fields(self) -> "ParallelInput":
        files = [side.path for side in (self.source, self.target)]
        fields = [side.field for side in (self.source, self.target)]
        of_lines = self.path is None and all(files) and not any(fields) and self.format == "auto"
        of_records = self.path is not None and not any(files) and all(fields)
        if not (of_lines or of_records):
            raise ValueError(
                'give two files of lines, source = { path = "a.en" } and target = { path = "a.de" }, or one file of '
                'records, path = "a.tsv", with source = { field = "en" } and target = { field = "de" }'
            )
        return self

    @model_validator(mode="after")
    def _both_languages_or_none(self) -> "ParallelInput":
        languages = {"source": self.source.language, "target": self.target.language}
        if (missing := [name for name, language in languages.items() if language is None]) and len(missing) == 1:
            (known,) = languages.keys() - missing
            raise ValueError(
                f"{known}.language = {languages[known]!r:.80}, but {missing[0]} names no language; give both or "
                "neither"
            )
        return self


@dataclass(frozen=True)
class SentencePair:
    """Two texts that say the same, and where they came from."""

    source: str
    target: str
    place: str
    languages: tuple[str | None, str | None] = (None, None)


def parallel_files(inputs: Sequence[ParallelInput], base: Path) -> list[Path]:
    """Every file that the inputs name, once, sorted."""
    return sorted({base / path for entry in inputs for path in entry.paths})


def read_pairs(inputs: Sequence[ParallelInput], base: Path) -> Iterator[SentencePair]:
    """The pairs of all inputs in order, those with an empty side, too: its caller counts them.

    Raises:
        UserError: a file is missing, not UTF-8 or broken; two files have different numbers of lines; a record does
            not have both sides.
    """
    for entry in inputs:
        languages = (entry.source.language, entry.target.language)
        read = _read_lines if entry.path is None else _read_records
        for source, target, place in read(entry, base):
            yield SentencePair(source.strip(), target.strip(), place, languages)


def _read_lines(entry: ParallelInput, base: Path) -> Iterator[tuple[str, str, str]]:
    """Both files line by line."""
    assert entry.source.path is not None
    assert entry.target.path is not None
    paths = [base / entry.source.path, base / entry.target.path]
    for number, (source, target) in read_aligned(paths, entry.encoding_errors, _HINT):
        yield source, target, f"{paths[0]}:{number}"


def _read_records(entry: ParallelInput, base: Path) -> Iterator[tuple[str, str, str]]:
    assert entry.path is not None
    fields = [entry.source.field or "", entry.target.field or ""]
    path = base / entry.path
    chosen = record_format(format_of(entry.path)) if entry.format == "auto" else record_format(entry.format)
    if chosen is None:
        raise UserError(
            f"{path}: its suffix is not one of records; .jsonl, .csv, .tsv and .parquet are (plain, .gz or .zst), or "
            'set format, for example format = "jsonl"'
        )
    columns = tuple(dict.fromkeys(name for field in fields for name in (field, field.partition(".")[0])))
    with open_bytes(path) as stream:
        records = read_records(
            stream, str(path), chosen, columns=columns, encoding_errors=entry.encoding_errors, hint=_HINT
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
