"""Aligned text by one name: `train.{en,de}.gz` stands for `train.en.gz` and, line by line, its translation
`train.de.gz`; `memory.tmx{en,de}` for two of the languages in a translation memory, `de-en.zip{en,de}` for the two
files in an archive of OPUS."""

import re
from collections.abc import Iterator
from pathlib import Path

from encodery.errors import UserError
from encodery.files.aligned import read_aligned
from encodery.files.moses_zip import read_moses_zip
from encodery.files.records import Record
from encodery.files.streams import inner_suffix, open_bytes
from encodery.files.tmx import read_tmx

_TMX, _ZIP = ".tmx", ".zip"
_BOTH = re.compile(r"\{([^{},/]+),([^{},/]+)\}")


def is_aligned(path: Path) -> bool:
    """Whether a name stands for two files; a file of just that name is that file."""
    return len(_BOTH.findall(str(path))) == 1 and not path.exists()


def paths_of(path: Path) -> list[Path]:
    """The files that a name stands for: itself, both sides, or the one that has both."""
    if not is_aligned(path):
        return [path]
    before, *languages, after = parts_of(path)
    if not after and inner_suffix(before) in (_TMX, _ZIP):
        return [Path(before)]
    return [Path(f"{before}{language}{after}") for language in languages]


def read_sides(path: Path) -> Iterator[tuple[str, Record]]:
    """The pairs as records of the task `translation`, each with the `file:line` of its first side. A unit of a
    translation memory that lacks one of the languages is no pair.

    Raises:
        UserError: as `read_aligned`, `read_tmx` and `read_moses_zip`; or there is no pair.
    """
    _, source, target, _ = parts_of(path)
    empty = True
    for place, text, translation in _read(paths_of(path), (source, target)):
        empty = False
        named = {"source_language": source, "target_language": target}
        yield place, {"text": text.strip(), "translation": translation.strip(), **named}
    if empty:
        raise UserError(f"{path}: the files hold no line; add pairs of sentences")


def _read(paths: list[Path], languages: tuple[str, str]) -> Iterator[tuple[str, str, str]]:
    """The place of each pair and its two sides."""
    if len(paths) > 1:
        for number, (text, translation) in read_aligned(paths):
            yield f"{paths[0]}:{number}", text, translation
        return
    (path,) = paths
    if inner_suffix(path.name) == _ZIP:
        yield from read_moses_zip(path, languages)
        return
    with open_bytes(path) as stream:
        for line, source, target in read_tmx(stream, str(path), languages):
            if source is not None and target is not None:
                yield f"{path}:{line}", source, target


def parts_of(path: Path) -> list[str]:
    """What stands before the braces, both languages, what stands behind."""
    return _BOTH.split(str(path), maxsplit=1)
