"""Labelled files of any format as records, each with its file and line."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from encodery.data.formats.detection import detect
from encodery.data.formats.options import FormatOptions
from encodery.data.formats.registry import FORMATS, FormatName, format_named
from encodery.errors import UserError
from encodery.files.records import Record


def read_labelled(
    path: Path, file_format: str | None = None, options: FormatOptions | None = None
) -> Iterator[tuple[str, Record]]:
    """Records in the forms of `docs/data.md`, each with its `file:line` (row, where a format has no lines).

    Args:
        file_format: one of `FORMATS`; by default what `detect` finds.
        options: what the file does not say about itself.

    Raises:
        UserError: no such file or format, a file without records, and everything a format can be broken by.
    """
    name = known_format(file_format) if file_format is not None else detect(path)
    empty = True
    for source, record in format_named(name).read(path, options or FormatOptions()):
        empty = False
        yield source, record
    if empty:
        raise UserError(f"{path}: the file holds no record; add examples")


def known_format(name: str) -> FormatName:
    """The name of a format, checked.

    Raises:
        UserError: there is no such format.
    """
    for known in get_args(FormatName):
        if known == name:
            return known  # type: ignore[no-any-return]
    raise UserError(f"format = {name!r:.80}; allowed: {', '.join(FORMATS)}")
