"""Records written in any format: read back and compared before the file gets its name, so that nothing is lost."""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from encodery.artifact.disk import explained, fsync_path, make_folder, remove, rename
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.reading import known_format
from encodery.data.formats.registry import Format, FormatName, format_named
from encodery.errors import UserError
from encodery.files.records import Record


def write_labelled(
    path: Path, records: Iterable[Record], file_format: str, options: FormatOptions | None = None
) -> None:
    """Write records; the file is there whole or not at all. `.gz` and `.zst` are compressed.

    Words with tags become text with entities, or the reverse, where the format asks for it (see `conversion`).

    Raises:
        UserError: no record, a record that the format cannot hold (says which and why), a failing disk; a folder
            (`hf-dataset`) that exists already.
    """
    name, options = known_format(file_format), options or FormatOptions()
    chosen = format_named(name)
    prepared = [chosen.prepare(f"{path}: record {at}", record) for at, record in enumerate(records, start=1)]
    if not prepared:
        raise UserError(f"{path}: no record to write")
    if path.is_dir():
        raise UserError(f"{path}: is a folder already; choose another name or remove it")
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    with explained("save", path):
        make_folder(path.parent)
        try:
            _write(path, temporary, chosen, prepared, options)
            _compare(path, temporary, name, prepared, options)
            for file in (*temporary.glob("*"), temporary):
                fsync_path(file)
            rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                remove(temporary)
            raise
        fsync_path(path.parent)


def _write(path: Path, temporary: Path, chosen: Format, records: Sequence[Record], options: FormatOptions) -> None:
    try:
        chosen.write(temporary, records, options)
    except UserError as error:
        message = str(error).removeprefix(f"{temporary}: ")
        raise UserError(f"{path}: {message}") from None


def _compare(
    path: Path, temporary: Path, name: FormatName, records: Sequence[Record], options: FormatOptions
) -> None:
    """Refuse what would be read as something else."""
    try:
        written = [record for _, record in format_named(name).read(temporary, options)]
    except UserError as error:
        message = str(error).replace(str(temporary), str(path))
        raise UserError(f"{message}; so {name} cannot hold these records; write jsonl") from None
    for number, (given, found) in enumerate(zip_longest(records, written), start=1):
        if (lost := _difference(name, given, found)) is not None:
            raise UserError(f"{path}: record {number}: {name} cannot hold it: {lost}; write jsonl")


def _difference(name: FormatName, given: Record | None, found: Record | None) -> str | None:
    if given is None or found is None:
        return "it would be taken for something else"
    # columns of tables are there for every record, or for none
    filled = {"csv": "", "tsv": "", "parquet": None, "hf-dataset": None}
    for key in dict.fromkeys([*given, *found]):
        missing = filled.get(name, ...)
        here, there = given.get(key, missing), found.get(key, missing)
        if _canonical(here) != _canonical(there):
            return f"{key} = {here!r:.80} would be read as {there!r:.80}"
    return None


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
