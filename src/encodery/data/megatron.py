"""Token shards in the layout of Megatron-LM's `IndexedDataset`, and back.

A data set is two files. `PREFIX.bin` holds the ids, one sequence after the other. `PREFIX.idx` says where they are
(all little-endian; `megatron/core/datasets/indexed_dataset.py`):

    9 bytes   MMIDIDX, two zeros     int32 x sequences   tokens of each sequence
    uint64    version, 1             int64 x sequences   its first byte in PREFIX.bin
    uint8     dtype of the ids       int64 x documents   first sequence of each document, and the end of the last
    uint64    sequences
    uint64    documents, plus 1

Our sentences are its sequences, our documents its documents. A data set has no languages: each gets one of its own,
`PREFIX.LANGUAGE`, which is what Megatron's blending of data sets by weight takes.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int32, Int64

from encodery.data.data_sets import AT_ONCE, check_ids, export_data_sets, file_size, sentences_of
from encodery.data.shard_writer import Document
from encodery.data.shards import Shards
from encodery.errors import UserError

_MAGIC = b"MMIDIDX\x00\x00"
_HEADER = struct.Struct("<9sQBQQ")
_DTYPES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f8", 7: "<f4", 8: "<u2"}
_CODES = {"uint16": 8, "uint32": 4}
"""Ours: Megatron knows no uint32, and ids are below 2**31."""


def megatron_files(prefix: Path) -> tuple[Path, Path]:
    """The two files of a data set; their common name may have dots."""
    return prefix.with_name(f"{prefix.name}.bin"), prefix.with_name(f"{prefix.name}.idx")


def export_megatron(shards: Shards, prefix: Path) -> list[Path]:
    """Write shards as one data set, or as one for each language; returns their prefixes. Raises as
    `export_data_sets` does."""
    return export_data_sets(shards, prefix, megatron_files, _write)


def _write(shards: Shards, prefix: Path, first: int, last: int) -> None:
    """The documents `first : last`. The index comes last: without it there is no data set."""
    ids, index = megatron_files(prefix)
    dtype = "uint16" if shards.vocab_size <= 1 << 16 else "uint32"
    kind = np.dtype(_DTYPES[_CODES[dtype]])
    begin, end = shards.documents.at(np.array([first, last])).tolist()
    with ids.open("wb") as file:
        for starts, lengths in sentences_of(shards, begin, end):
            file.write(shards.take_ranges(starts, lengths).astype(kind).tobytes())
    part = index.with_name(f"{index.name}.part")
    with part.open("wb") as file:
        file.write(_HEADER.pack(_MAGIC, 1, _CODES[dtype], end - begin, last - first + 1))
        for _, lengths in sentences_of(shards, begin, end):
            file.write(lengths.astype("<i4").tobytes())
        origin = int(shards.sentences.at(np.array([begin]))[0])
        for starts, _ in sentences_of(shards, begin, end):
            file.write(((starts - origin) * kind.itemsize).astype("<i8").tobytes())
        _write_documents(shards, file, first, last)
    part.replace(index)


def _write_documents(shards: Shards, file: BinaryIO, first: int, last: int) -> None:
    origin = int(shards.documents.at(np.array([first]))[0])
    for start in range(first, last + 1, AT_ONCE):
        documents = np.arange(start, min(start + AT_ONCE, last + 1))
        file.write((shards.documents.at(documents) - origin).astype("<i8").tobytes())


def read_megatron(prefix: Path, vocab_size: int) -> Iterator[Document]:
    """Every document of a data set as the ids of its sequences; all of it is checked before the first comes.

    Raises:
        UserError: a file is missing, of another format or version, has another size than the header says, holds
            sequences that do not follow each other, or ids that the vocabulary does not have.
    """
    path, index = megatron_files(prefix)
    kind, lengths, pointers, documents = _map_index(index)
    size = file_size(path)
    _check_sequences(index, lengths, pointers, kind.itemsize, size)
    if documents[0] != 0 or documents[-1] != len(lengths) or (np.diff(documents) < 0).any():
        raise UserError(
            f"{index}: its documents do not rise from 0 to the {len(lengths):,} sequences; write it again"
        )
    ids = np.asarray(np.memmap(path, kind, "r")) if size else np.empty(0, kind)
    check_ids(path, ids, vocab_size)
    return _documents(ids, lengths, documents)


def _documents(
    ids: np.ndarray, lengths: Int32[np.ndarray, " sequences"], documents: Int64[np.ndarray, " documents"]
) -> Iterator[Document]:
    start = 0
    for first in range(0, len(documents) - 1, AT_ONCE):
        for begin, end in pairwise(documents[first : first + AT_ONCE + 1].tolist()):
            document = []
            for length in lengths[begin:end].tolist():
                document.append(ids[start : start + length])
                start += length
            yield document


def _map_index(path: Path) -> tuple[np.dtype, np.ndarray, np.ndarray, np.ndarray]:
    """The type of the ids, and the three arrays; the counts are compared with the size of the file first."""
    size = file_size(path)
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise UserError(f"{path}: not an index of Megatron's IndexedDataset (it begins {header[:9]!r}); name another")
    _, version, code, sequences, documents = _HEADER.unpack(header)
    if version != 1:
        raise UserError(f"{path}: version {version}, only 1 is known; write it with a newer Megatron-LM")
    if code not in _DTYPES or _DTYPES[code][-2] == "f":
        raise UserError(f"{path}: ids of dtype code {code}; whole numbers are allowed: 1 to 5 and 8")
    expected = _HEADER.size + 12 * sequences + 8 * documents
    if documents < 1 or size != expected:
        more = " (one of several modalities has a byte more for each sequence; such are not read)"
        raise UserError(
            f"{path}: has {size:,} bytes, but its header says {sequences:,} sequences and {documents:,} bounds of "
            f"documents, {expected:,} bytes{more if size == expected + sequences else ''}; copy or write it again"
        )
    arrays, offset = [], _HEADER.size
    for kind, count in (("<i4", sequences), ("<i8", sequences), ("<i8", documents)):
        # where a count is odd the next array is not aligned: NumPy reads it all the same
        arrays.append(np.memmap(path, kind, "r", offset, (count,)) if count else np.empty(0, kind))
        offset += count * np.dtype(kind).itemsize
    lengths, pointers, bounds = map(np.asarray, arrays)
    return np.dtype(_DTYPES[code]), lengths, pointers, bounds


def _check_sequences(path: Path, lengths: np.ndarray, pointers: np.ndarray, item: int, size: int) -> None:
    """Each sequence must begin where the one before ends: otherwise a small index could stand for any amount."""
    end = 0
    for start in range(0, len(lengths), AT_ONCE):
        some = lengths[start : start + AT_ONCE].astype(np.int64)
        ends = end + np.cumsum(some) * item
        wrong = np.flatnonzero((some < 0) | (pointers[start : start + AT_ONCE] != ends - some * item))
        if wrong.size:
            number = start + int(wrong[0])
            raise UserError(
                f"{path}: sequence {number:,} has {lengths[number]} tokens from byte {pointers[number]} on, which is "
                "not where the one before ends; write it again"
            )
        end = int(ends[-1])
    if end != size:
        raise UserError(f"{path}: its sequences end at byte {end:,}, the ids have {size:,} bytes; copy both again")
