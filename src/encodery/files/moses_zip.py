"""Moses zips as OPUS has them: `CORPUS.en-de.en` and `CORPUS.en-de.de`, aligned line by line, in one archive."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from encodery.errors import UserError
from encodery.files.aligned import aligned_lines
from encodery.files.language_tags import best_pair
from encodery.files.streams import EncodingErrors, decompress, reading


def read_moses_zip(
    path: Path,
    languages: tuple[str, str],
    encoding_errors: EncodingErrors = "strict",
    hint: str = "convert the file to UTF-8",
) -> Iterator[tuple[str, str, str]]:
    """The place of each pair and its two sides; nothing is unpacked to disk. Of several corpora in one archive, one
    after the other.

    Raises:
        UserError: the archive is broken or locked, holds no such pair of files, or these do not fit.
    """
    name = str(path)
    with reading(name), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        for members in _pairs(archive.namelist(), name, languages):
            with ExitStack() as stack:
                streams = []
                for member in members:
                    source = f"{name}!{member}"
                    try:
                        stream = stack.enter_context(archive.open(member))
                    except (RuntimeError, NotImplementedError):
                        raise UserError(
                            f"{source}: it has a password or a rare compression; pack it again without"
                        ) from None
                    streams.append((source, decompress(stream, source)))
                for number, (text, translation) in aligned_lines(streams, encoding_errors, hint):
                    yield f"{streams[0][0]}:{number}", text, translation


def _pairs(names: Sequence[str], archive: str, languages: tuple[str, str]) -> list[tuple[str, str]]:
    """The members that belong together, in the order of the archive."""
    sides: dict[str, dict[str, str]] = {}
    for name in names:
        stem, _, language = name.rpartition(".")
        both = stem.rpartition(".")[2].split("-")
        if len(both) == 2 and language in both:
            sides.setdefault(stem, {})[language] = name
    pairs = []
    for members in sides.values():
        source, target = best_pair(languages, tuple(members))
        if source and target:
            pairs.append((members[source], members[target]))
    if not pairs:
        found = ", ".join(names) or "nothing"
        first, second = languages
        raise UserError(
            f"{archive}: no files NAME.{first}-{second}.{first} and NAME.{first}-{second}.{second} (or with the "
            f"languages in the other order) are in it; it has {found[:80]}"
        )
    return pairs
