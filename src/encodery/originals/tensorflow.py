"""TensorFlow checkpoints (`NAME.index` + `NAME.data-00000-of-00001`), read without TensorFlow.

The index is a sorted table in LevelDB's format (blocks of prefix-compressed keys), its values are protocol buffers
that say where in a data file each tensor lies: tensorflow/core/util/tensor_bundle and lib/io/format. Both come from
outside: every offset and length is compared with what is there before it is used.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encodery.errors import UserError
from encodery.files.protobuf import MalformedError, fields, varint

INDEX_SUFFIX = ".index"
_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
"""Compression (one byte) and checksum of a block."""
_LARGEST_INDEX = 1 << 28
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}
"""The numbers of `DataType` in tensorflow/core/framework/types.proto."""

Fields = Mapping[int, list[int | bytes]]


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int


class TensorFlowCheckpoint:
    """The tensors of a checkpoint by name, read on demand."""

    def __init__(self, prefix: Path) -> None:
        """`prefix` is the path without `.index`.

        Raises:
            UserError: the index or a data file is missing, damaged or not of this format.
        """
        self._prefix = prefix
        index = prefix.with_name(prefix.name + INDEX_SUFFIX)
        if not index.is_file():
            raise UserError(f"{index}: no such file; a TensorFlow checkpoint is NAME.index beside NAME.data-*")
        try:
            if index.stat().st_size > _LARGEST_INDEX:
                raise MalformedError("far longer than any index")
            records = dict(_table(index.read_bytes()))
            header = _fields(records.pop(b"", b""))
            self._num_shards = _int(header, 1, default=1)
            if _int(header, 2, default=0):
                raise UserError(f"{index}: written on a big-endian machine, which is not supported")
            self.entries = {key.decode(): _entry(value) for key, value in records.items()}
        except (MalformedError, UnicodeDecodeError) as error:
            raise UserError(
                f"{index}: not the index of a TensorFlow checkpoint ({error}); fetch the file again"
            ) from None
        self._check_sizes()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name → shape, nothing read."""
        return {name: entry.shape for name, entry in self.entries.items()}

    def read(self, name: str) -> np.ndarray:
        """One tensor.

        Raises:
            UserError: its values are of a kind that weights never are.
        """
        entry = self.entries[name]
        if entry.dtype not in _DTYPES:
            raise UserError(f"{self._prefix}: {name} holds no numbers (TensorFlow's type {entry.dtype})")
        with self._shard(entry.shard).open("rb") as file:
            file.seek(entry.offset)
            values = np.frombuffer(file.read(entry.size), _DTYPES[entry.dtype])
        return values.reshape(entry.shape)

    def _shard(self, number: int) -> Path:
        return self._prefix.with_name(f"{self._prefix.name}.data-{number:05d}-of-{self._num_shards:05d}")

    def _check_sizes(self) -> None:
        """Every tensor is as long as its shape says and lies inside its file."""
        lengths: dict[int, int] = {}
        for name, entry in self.entries.items():
            path = self._shard(entry.shard)
            if entry.shard not in lengths:
                if not 0 <= entry.shard < self._num_shards or not path.is_file():
                    raise UserError(f"{path}: no such file, but {name} lies in it; fetch all files of the checkpoint")
                lengths[entry.shard] = path.stat().st_size
            if entry.offset + entry.size > lengths[entry.shard]:
                raise UserError(
                    f"{path}: {lengths[entry.shard]} bytes, but {name} ends at byte {entry.offset + entry.size}; "
                    "the file is cut short, fetch it again"
                )
            if (
                entry.dtype in _DTYPES
                and entry.size != math.prod(entry.shape) * np.dtype(_DTYPES[entry.dtype]).itemsize
            ):
                raise UserError(f"{path}: {name} has shape {entry.shape}, but {entry.size} bytes; fetch it again")


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a sorted table."""
    if len(data) < _FOOTER_BYTES or struct.unpack_from("<Q", data, len(data) - 8)[0] != _MAGIC:
        raise MalformedError("its last bytes are not those of a table")
    footer = data[-_FOOTER_BYTES:]
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    for _, value in _block(data, index):
        block, _ = _handle(value, 0)
        yield from _block(data, block)


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and where the reading stopped."""
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(data: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    offset, size = handle
    if offset + size + _TRAILER_BYTES > len(data) or size < 4:
        raise MalformedError(f"a block of {size} bytes at {offset} lies outside the file")
    if data[offset + size]:
        raise MalformedError(
            f"its blocks are compressed (kind {data[offset + size]}), as TensorFlow does not write them"
        )
    block = data[offset : offset + size]
    (restarts,) = struct.unpack_from("<I", block, size - 4)
    end = size - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        own, at = varint(block, at)
        length, at = varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise MalformedError("a key or a value reaches beyond its block")
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _fields(message: bytes) -> Fields:
    """Field number → its values; nested messages stay bytes."""
    found: dict[int, list[int | bytes]] = {}
    for number, value in fields(message):
        found.setdefault(number, []).append(value)
    return found


def _int(message: Fields, number: int, default: int = 0) -> int:
    value = message.get(number, [default])[-1]
    if not isinstance(value, int):
        raise MalformedError(f"field {number} is no number")
    return value


def _entry(message: bytes) -> Entry:
    """`BundleEntryProto` of tensorflow/core/protobuf/tensor_bundle.proto."""
    entry = _fields(message)
    if 7 in entry:
        raise MalformedError("a tensor stored in slices, as only partitioned variables are")
    shape = []
    for nested in entry.get(2, []):
        if not isinstance(nested, bytes):
            raise MalformedError("a shape that is none")
        for size in _fields(nested).get(2, []):
            shape.append(_int(_fields(size), 1) if isinstance(size, bytes) else -1)
    if any(not 0 <= size < 1 << 40 for size in shape):
        raise MalformedError(f"a tensor of shape {tuple(shape)}")
    return Entry(_int(entry, 1), tuple(shape), _int(entry, 3), _int(entry, 4), _int(entry, 5))
