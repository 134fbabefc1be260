"""What the layouts of other tools share: a data set for each language, ids that a vocabulary has."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
from jaxtyping import Int64

from encodery.data.shards import Shards
from encodery.errors import UserError

AT_ONCE = 1 << 16
"""Sentences or documents that are written or read together."""
_IDS_AT_ONCE = 1 << 24


def export_data_sets(
    shards: Shards,
    prefix: Path,
    files_of: Callable[[Path], Sequence[Path]],
    write: Callable[[Shards, Path, int, int], None],
) -> list[Path]:
    """Write shards as one data set, or as one for each language; returns their prefixes. Text without a language is
    in `prefix` itself.

    Args:
        files_of: the files of a data set of that prefix.
        write: writes the documents from one number to another as a data set.

    Raises:
        UserError: there is no text, the languages of the documents are not grouped, a file is there already, or the
            disk is full.
    """
    if not shards.num_documents:
        raise UserError("the shards hold no document; there is nothing to export")
    bounds = shards.first_documents()
    if bounds is None and shards.languages:
        raise UserError(
            "the shards do not lie sorted by language (format 2); write them again: encodery run RECIPE shards "
            "--force shards"
        )
    if bounds is None:
        bounds = np.array([0, shards.num_documents])
    prefixes = [_of_language(prefix, name) for name in shards.languages or ("",)]
    for file in (file for each in prefixes for file in files_of(each)):
        if file.exists():
            raise UserError(f"{file}: is there already; remove it or choose another name")
    for each, first, last in zip(prefixes, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        try:
            each.parent.mkdir(parents=True, exist_ok=True)
            write(shards, each, first, last)
        except OSError as error:
            raise UserError(
                f"{each}: cannot write: {error.strerror}; free some space or choose another place"
            ) from None
    return prefixes


def _of_language(prefix: Path, language: str) -> Path:
    """What a language is called comes from data: nothing in it leads to another folder."""
    return prefix.with_name(f"{prefix.name}.{quote(language, safe='')}") if language else prefix


def sentences_of(
    shards: Shards, begin: int, end: int
) -> Iterator[tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]]:
    """Start and length of the sentences `begin : end`, some at a time."""
    for start in range(begin, end, AT_ONCE):
        bounds = shards.sentences.at(np.arange(start, min(start + AT_ONCE, end) + 1)).astype(np.int64)
        yield bounds[:-1], np.diff(bounds)


def file_size(path: Path) -> int:
    """Bytes of a file; raises `UserError` if it is not there."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); a data set is named without .bin and .idx, or as NAME.ds"
        ) from None


def check_ids(path: Path, ids: np.ndarray, vocab_size: int) -> None:
    """Compare ids with the vocabulary; raises `UserError` for one that it does not have."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        wrong = np.flatnonzero((part < 0) | (part >= vocab_size))
        if wrong.size:
            place = start + int(wrong[0])
            raise UserError(
                f"{path}: token {place:,} is id {ids[place]}, the vocabulary has {vocab_size:,}; name the tokenizer "
                "that the text was written with"
            )
