"""The texts of evaluation files, whatever their format: what a corpus must not hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from encodery.config import Config
from encodery.errors import UserError
from encodery.files.records import RECORD_SUFFIXES, json_record, read_records
from encodery.files.streams import COMPRESSIONS, inner_suffix, open_bytes, read_lines, reading

_FORMATS = {**RECORD_SUFFIXES, ".json": "json", ".txt": "txt", ".conll": "conll", ".bio": "conll", ".iob2": "conll"}
_MAX_JSON_BYTES = 1 << 28
LABELLED = "labelled"
_HINT = "convert the file to UTF-8"


class EvaluationFile(Config):
    """One evaluation set: a file (plain, .gz or .zst)."""

    path: str = Field(min_length=1)
    name: str | None = Field(default=None, pattern=r"^[^/\n]{1,80}$")
    """What reports call it; without, the name of the file."""
    format: Literal["auto", "txt", "json", "jsonl", "csv", "tsv", "parquet", "conll", "labelled"] = "auto"
    """`auto` goes by the suffix. `txt`: a text a line; `json`: one value, such as SQuAD files are; `conll`: a token a
    line, blank lines between sentences; `labelled`: what fine-tuning recognises the file as."""
    fields: tuple[str, ...] = ()
    """Names of fields, at any depth, whose strings count; without, every string counts."""
    words: str = Field(default="tokens", min_length=1, exclude_if=lambda words: words == "tokens")
    """The field in which records of `labelled` have the words of a text as a list."""
    column: int = Field(default=0, ge=0)
    """Where `conll` has the token; columns are counted from 0."""

    @property
    def label(self) -> str:
        """What it is called in reports."""
        name = Path(self.path).name
        for suffix in COMPRESSIONS:
            name = name.removesuffix(suffix)
        return self.name or Path(name).stem

    def texts(self, base: Path) -> Iterator[str]:
        """Its texts, in order.

        Raises:
            UserError: it is missing or broken, its format is unknown, or it has none of the fields.
        """
        assert self.format != LABELLED, "the stage writes these as JSON Lines first"
        path = base / self.path
        chosen = _FORMATS.get(inner_suffix(path.name)) if self.format == "auto" else self.format
        if chosen is None:
            raise UserError(
                f"{path}: its suffix does not tell the format; set format to one of txt, json, jsonl, csv, tsv, "
                "parquet, conll, labelled"
            )
        with open_bytes(path) as stream:
            if chosen == "txt":
                yield from read_lines(stream, str(path), "replace", _HINT)
            elif chosen == "conll":
                yield from self._sentences(read_lines(stream, str(path), "replace", _HINT), str(path))
            else:
                yield from self._strings(_values(stream, str(path), chosen), str(path))

    def _strings(self, values: Iterator[Any], place: str) -> Iterator[str]:
        seen = False
        for value in values:
            for text in _strings(value, frozenset(self.fields), not self.fields):
                seen = True
                yield text
        if not seen and self.fields:
            names = ", ".join(self.fields)
            raise UserError(f"{place}: no text in a field {names:.80}; set fields to names that the file has")

    def _sentences(self, lines: Iterator[str], place: str) -> Iterator[str]:
        tokens: list[str] = []
        for number, line in enumerate(lines, start=1):
            columns = line.split()
            if columns and self.column >= len(columns):
                raise UserError(
                    f"{place}:{number}: {len(columns)} columns, so there is no column {self.column}; "
                    "set column to that of the token (counted from 0)"
                )
            if columns:
                tokens.append(columns[self.column])
            elif tokens:
                yield " ".join(tokens)
                tokens = []
        if tokens:
            yield " ".join(tokens)


def _values(stream: Any, place: str, chosen: str) -> Iterator[Any]:
    """The records of a file; JSON is one value, or a record a line by another name."""
    if chosen != "json":
        records = read_records(stream, place, chosen, encoding_errors="replace", hint=_HINT)  # type: ignore[arg-type]
        yield from (record for _, record in records)
        return
    with reading(place):
        content = stream.read(_MAX_JSON_BYTES + 1)
    if len(content) > _MAX_JSON_BYTES:
        raise UserError(f"{place}: JSON of more than {_MAX_JSON_BYTES >> 20} MiB; write one record a line (.jsonl)")
    text = content.decode("utf-8-sig", "replace")
    try:
        yield json.loads(text)
    except (ValueError, RecursionError):
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield json_record(line, f"{place}:{number}", "replace")


def _strings(value: Any, fields: frozenset[str], counts: bool) -> Iterator[str]:
    """The strings in a value that are below a field that counts. A stack in place of calls: files may nest deeply."""
    stack = [(value, counts)]
    while stack:
        value, counts = stack.pop()
        if isinstance(value, str):
            if counts:
                yield value
        elif isinstance(value, dict):
            stack += [(item, counts or key in fields) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            stack += [(item, counts) for item in reversed(value)]
