"""Token shards in the layout of datatrove's tokenized files (`NAME.ds`), and back.

`NAME.ds` holds the ids (uint16, or uint32 above 65,536 ids), one document after the other, `NAME.ds.index` the end of
each document (uint64, in tokens), both little-endian (datatrove 0.10.1, `pipeline/tokens/tokenizer.py`). Nothing says
which type the ids have: the last end does. Documents have no sentences there. A language is a file of its own,
`NAME.LANGUAGE.ds`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from encodery.data.data_sets import AT_ONCE, check_ids, export_data_sets, file_size, sentences_of
from encodery.data.shard_writer import Document
from encodery.data.shards import Shards
from encodery.errors import UserError

SUFFIX = ".ds"
_TYPES = {2: "<u2", 4: "<u4"}


def datatrove_files(prefix: Path) -> tuple[Path, Path]:
    """The ids, and where documents end."""
    return prefix.with_name(f"{prefix.name}{SUFFIX}"), prefix.with_name(f"{prefix.name}{SUFFIX}.index")


def export_datatrove(shards: Shards, prefix: Path) -> list[Path]:
    """Write shards as one file of ids, or as one for each language; returns their names without `.ds`. Where
    sentences begin is lost. Raises as `export_data_sets` does."""
    return export_data_sets(shards, prefix, datatrove_files, _write)


def _write(shards: Shards, prefix: Path, first: int, last: int) -> None:
    ids, index = datatrove_files(prefix)
    begin, end = shards.documents.at(np.array([first, last])).tolist()
    with ids.open("wb") as file:
        for starts, lengths in sentences_of(shards, begin, end):
            file.write(shards.take_ranges(starts, lengths).tobytes())
    origin = shards.sentences.at(np.array([begin]))
    with index.open("wb") as file:
        for start in range(first, last, AT_ONCE):
            documents = np.arange(start + 1, min(start + AT_ONCE, last) + 1)
            file.write((shards.sentences.at(shards.documents.at(documents)) - origin).astype("<u8").tobytes())


def read_datatrove(path: Path, vocab_size: int) -> Iterator[Document]:
    """The documents of a file `NAME.ds`, each as one sequence; all of it is checked before the first comes.

    Raises:
        UserError: a file is missing, the two do not fit, or the vocabulary does not have an id.
    """
    index = path.with_name(f"{path.name}.index")
    size, index_size = file_size(path), file_size(index)
    if index_size % 8:
        raise UserError(f"{index}: has {index_size:,} bytes, no whole number of ends (8 bytes each); copy it again")
    ends = np.asarray(np.memmap(index, "<i8", "r")) if index_size else np.empty(0, np.int64)
    total = int(ends[-1]) if len(ends) else 0
    kind = next((kind for width, kind in _TYPES.items() if width * total == size), None)
    if kind is None or (len(ends) and ends[0] < 0) or (np.diff(ends) < 0).any():
        raise UserError(
            f"{index}: its documents end at token {total:,}, and {path.name} has {size:,} bytes, which are 2 or 4 "
            "for each; copy both again"
        )
    ids = np.asarray(np.memmap(path, kind, "r")) if size else np.empty(0, kind)
    check_ids(path, ids, vocab_size)
    return _documents(ids, ends)


def _documents(ids: np.ndarray, ends: np.ndarray) -> Iterator[Document]:
    start = 0
    for first in range(0, len(ends), AT_ONCE):
        for end in ends[first : first + AT_ONCE].tolist():
            yield [ids[start:end]]
            start = end
