"""Aligned files by one name: `train.{en,de}.gz` stands for `train.en.gz` and, line by line, its translation
`train.de.gz`."""

import re
from collections.abc import Iterator
from pathlib import Path

from encodery.errors import UserError
from encodery.files.aligned import read_aligned
from encodery.files.records import Record

_BOTH = re.compile(r"\{([^{},/]+),([^{},/]+)\}")


def is_aligned(path: Path) -> bool:
    """Whether a name stands for two files; a file of just that name is that file."""
    return len(_BOTH.findall(str(path))) == 1 and not path.exists()


def paths_of(path: Path) -> list[Path]:
    """The files that a name stands for: itself, or both sides."""
    if not is_aligned(path):
        return [path]
    before, *languages, after = _parts(path)
    return [Path(f"{before}{language}{after}") for language in languages]


def read_sides(path: Path) -> Iterator[tuple[str, Record]]:
    """The pairs of both files as records of the task `translation`, each with the `file:line` of its first side.

    Raises:
        UserError: as `read_aligned`; or the files are empty.
    """
    _, *languages, _ = _parts(path)
    paths = paths_of(path)
    empty = True
    for number, (text, translation) in read_aligned(paths):
        empty = False
        named = {"source_language": languages[0], "target_language": languages[1]}
        yield f"{paths[0]}:{number}", {"text": text.strip(), "translation": translation.strip(), **named}
    if empty:
        raise UserError(f"{path}: the files hold no line; add pairs of sentences")


def _parts(path: Path) -> list[str]:
    """What stands before the braces, both languages, what stands behind."""
    return _BOTH.split(str(path), maxsplit=1)
