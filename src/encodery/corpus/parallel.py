"""Aligned sentences of two languages, from the files in which they are found.

- `txt`: two files of lines; line `n` of one is the translation of line `n` of the other;
- `verses`: two files of XML; verses with the same id are translations of each other;
- `jsonl`, `csv`, `tsv`, `parquet`: one file of records with both sides, each in a field;
- `tmx`: one translation memory, any number of languages in it;
- `moses`: one zip of OPUS with a file of lines for each side.

Files are read as the iterator advances, compressed or not, and nothing is unpacked to disk; memory is bounded by the
longest line or unit (of verses, by one of the files).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, model_validator

from encodery.config import Config
from encodery.corpus.pair_files import Found, PairFormat, chosen_format, read_pair_files
from encodery.files.language_tags import folded
from encodery.files.records import RecordFormat
from encodery.files.streams import EncodingErrors

_OF_TWO_FILES = ("auto", "txt", "verses")
_OF_RECORDS = ("auto", *get_args(RecordFormat))
_OF_LANGUAGES = ("auto", "tmx", "moses")


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
    """`[[corpus.parallel]]`: two files (`source.path`, `target.path`), or one with both sides (`path`)."""

    source: ParallelSide
    target: ParallelSide
    path: str | None = Field(default=None, min_length=1, exclude_if=_absent)
    """A file that holds both sides: records, in the fields that these name; a TMX file or a Moses zip, in their
    languages."""
    format: Literal["auto", PairFormat] = "auto"
    """`auto` goes by the suffix and the first bytes."""
    encoding_errors: EncodingErrors = "strict"
    """Of text that is not XML."""

    @property
    def paths(self) -> list[str]:
        """The files it names."""
        return [path for path in (self.path, self.source.path, self.target.path) if path]

    @model_validator(mode="after")
    def _sides_are_files_fields_or_languages(self) -> "ParallelInput":
        sides = (self.source, self.target)
        files, fields = [side.path for side in sides], [side.field for side in sides]
        of_lines = self.path is None and all(files) and not any(fields) and self.format in _OF_TWO_FILES
        of_one = self.path is not None and not any(files)
        of_records = of_one and all(fields) and self.format in _OF_RECORDS
        of_languages = of_one and not any(fields) and self.format in _OF_LANGUAGES
        if of_languages and not all(side.language for side in sides):
            raise ValueError(
                f"path = {self.path!r:.80} holds several languages; give source.language and target.language, or "
                "source.field and target.field if it holds records"
            )
        if of_languages and len({folded(side.language or "") for side in sides}) == 1:
            raise ValueError(f"both sides are in the language {self.source.language!r:.80}; two are needed")
        if not (of_lines or of_records or of_languages):
            raise ValueError(
                'give two files of lines or verses, source = { path = "a.en" } and target = { path = "a.de" }; one '
                'file of records, path = "a.tsv", with source = { field = "en" } and target = { field = "de" }; or a '
                'TMX file or Moses zip, path = "a.tmx", with source = { language = "en" } and target = { language = '
                f'"de" }}{self._format_hint()}'
            )
        return self

    def _format_hint(self) -> str:
        """What else may be wrong."""
        return "" if self.format == "auto" else f"; format = {self.format!r} must be that of these"

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
    lacks: str = ""
    """`source` or `target`, where the file has nothing at all for that side; its text is "" then."""


def parallel_files(inputs: Sequence[ParallelInput], base: Path) -> list[Path]:
    """Every file that the inputs name, once, sorted."""
    return sorted({base / path for entry in inputs for path in entry.paths})


def read_pairs(inputs: Sequence[ParallelInput], base: Path) -> Iterator[SentencePair]:
    """The pairs of all inputs in order, those with an empty or a missing side, too: its caller counts them.

    Raises:
        UserError: a file is missing, not UTF-8 or broken; two files have different numbers of lines; a record does
            not have both sides; XML that is not well-formed or brings entities; a language that a file does not have.
    """
    for entry in inputs:
        languages = (entry.source.language, entry.target.language)
        for source, target, place in read_pair_files(_found(entry, base)):
            lacks = "source" if source is None else "target" if target is None else ""
            yield SentencePair((source or "").strip(), (target or "").strip(), place, languages, lacks)


def _found(entry: ParallelInput, base: Path) -> Found:
    """The files of an input with all that is needed to read them."""
    paths = tuple(base / path for path in entry.paths)
    fields = (entry.source.field or "", entry.target.field or "")
    chosen = entry.format
    if chosen == "auto":
        chosen = chosen_format(paths, has_fields=any(fields))
    languages = (entry.source.language or "", entry.target.language or "")
    return Found(chosen, paths, fields, languages, entry.encoding_errors)
