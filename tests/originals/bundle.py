"""Writes TensorFlow's checkpoint format: small, as `tf.train.Saver` lays it out."""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

MAGIC = 0xDB4775248B80FB57
DTYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def nested(field: int, message: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(message)) + message


def entry(dtype: int, shape: Iterable[int], offset: int, size: int, shard: int = 0) -> bytes:
    dims = b"".join(nested(2, number(1, dim)) for dim in shape)
    fixed = varint(6 << 3 | 5) + b"\0\0\0\0"  # the checksum
    return number(1, dtype) + nested(2, dims) + number(3, shard) + number(4, offset) + number(5, size) + fixed


def block(records: Iterable[tuple[bytes, bytes]], restart_every: int = 3) -> bytes:
    """Keys share prefixes with the key before them, but for every third one."""
    body, restarts, previous = b"", [], b""
    for count, (key, value) in enumerate(records):
        shared = 0
        if count % restart_every == 0:
            restarts.append(len(body))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        body += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        previous = key
    return body + b"".join(struct.pack("<I", at) for at in restarts) + struct.pack("<I", len(restarts))


def table(records: list[tuple[bytes, bytes]], per_block: int = 5, compression: int = 0) -> bytes:
    trailer = bytes([compression, 0, 0, 0, 0])
    data, index = b"", []
    for first in range(0, len(records), per_block):
        part = records[first : first + per_block]
        body = block(part)
        index.append((part[-1][0], varint(len(data)) + varint(len(body))))
        data += body + trailer
    handles = b""
    for body in (block([]), block(index)):
        handles += varint(len(data)) + varint(len(body))
        data += body + trailer
    return data + handles.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def write_bundle(prefix: Path, tensors: Mapping[str, np.ndarray], shards: int = 1) -> None:
    """Write `prefix.index` and its data files; tensors go to the shards in turn."""
    data = [b""] * shards
    records = [(b"", number(1, shards))]
    for position, (name, values) in enumerate(sorted(tensors.items())):
        shard, raw = position % shards, values.tobytes()
        records.append(
            (name.encode(), entry(DTYPES[values.dtype.name], values.shape, len(data[shard]), len(raw), shard))
        )
        data[shard] += raw
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(records))
    for shard, raw in enumerate(data):
        prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(raw)
