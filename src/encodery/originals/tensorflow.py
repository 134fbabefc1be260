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

INDEX_SUFFIX = ".index"
_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5
"""Compression (one byte) and checksum of a block."""
_LARGEST_INDEX = 1 << 28
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}
"""The numbers of `DataType` in tensorflow/core/framework/types.proto."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Fields = Mapping[int, list[int | bytes]]


class DamagedError(ValueError):
    """Bytes that are no checkpoint; the caller knows the file's name."""


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
                raise DamagedError("far longer than any index")
            records = dict(_table(index.read_bytes()))
            header = _fields(records.pop(b"", b""))
            self._num_shards = _int(header, 1, default=1)
            if _int(header, 2, default=0):
                raise UserError(f"{index}: written on a big-endian machine, which is not supported")
            self.entries = {key.decode(): _entry(value) for key, value in records.items()}
        except (DamagedError, UnicodeDecodeError) as error:
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
        raise DamagedError("its last bytes are not those of a table")
    footer = data[-_FOOTER_BYTES:]
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    for _, value in _block(data, index):
        block, _ = _handle(value, 0)
        yield from _block(data, block)


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and where the reading stopped."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _block(data: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    offset, size = handle
    if offset + size + _TRAILER_BYTES > len(data) or size < 4:
        raise DamagedError(f"a block of {size} bytes at {offset} lies outside the file")
    if data[offset + size]:
        raise DamagedError(
            f"its blocks are compressed (kind {data[offset + size]}), as TensorFlow does not write them"
        )
    block = data[offset : offset + size]
    (restarts,) = struct.unpack_from("<I", block, size - 4)
    end = size - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or at + own + length > end:
            raise DamagedError("a key or a value reaches beyond its block")
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise DamagedError("a number without an end")


def _fields(message: bytes) -> Fields:
    """Field number → its values; nested messages stay bytes."""
    fields: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        value: int | bytes
        if kind == _VARINT:
            value, at = _varint(message, at)
        elif kind in (_BYTES, _FIXED32, _FIXED64):
            length = {_FIXED32: 4, _FIXED64: 8}.get(kind, -1)
            if kind == _BYTES:
                length, at = _varint(message, at)
            if at + length > len(message):
                raise DamagedError("a field reaches beyond its message")
            value, at = message[at : at + length], at + length
        else:
            raise DamagedError(f"a field of the unknown kind {kind}")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _int(fields: Fields, number: int, default: int = 0) -> int:
    value = fields.get(number, [default])[-1]
    if not isinstance(value, int):
        raise DamagedError(f"field {number} is no number")
    return value


def _entry(message: bytes) -> Entry:
    """`BundleEntryProto` of tensorflow/core/protobuf/tensor_bundle.proto."""
    fields = _fields(message)
    if 7 in fields:
        raise DamagedError("a tensor stored in slices, as only partitioned variables are")
    shape = []
    for nested in fields.get(2, []):
        if not isinstance(nested, bytes):
            raise DamagedError("a shape that is none")
        for size in _fields(nested).get(2, []):
            shape.append(_int(_fields(size), 1) if isinstance(size, bytes) else -1)
    if any(not 0 <= size < 1 << 40 for size in shape):
        raise DamagedError(f"a tensor of shape {tuple(shape)}")
    return Entry(_int(fields, 1), tuple(shape), _int(fields, 3), _int(fields, 4), _int(fields, 5))
