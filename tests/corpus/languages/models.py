"""A fastText model as small as one can be, written as fastText does (`FastText::saveModel`, version 12)."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

MAGIC, VERSION, SOFTMAX, SUPERVISED = 793712314, 12, 3, 3


def header(
    num_words: int,
    num_labels: int,
    *,
    magic: int = MAGIC,
    version: int = VERSION,
    kind: int = SUPERVISED,
    dim: int = 2,
    bucket: int = 0,
    entries: int | None = None,
) -> bytes:
    """Everything before the dictionary's entries."""
    settings = (dim, 5, 5, 1, 5, 1, SOFTMAX, kind, bucket, 0, 0, 100)
    entries = num_words + num_labels if entries is None else entries
    return struct.pack("<2i12id3i2q", magic, version, *settings, 1e-4, entries, num_words, num_labels, 99, -1)


def write_fasttext(path: Path, words: Mapping[str, str], labels: Sequence[str]) -> Path:
    """A model that knows some words, each of one label; a text of others has no answer."""
    entries = b"".join(word.encode() + b"\0" + struct.pack("<qb", 1, 0) for word in words)
    entries += b"".join(f"__label__{label}".encode() + b"\0" + struct.pack("<qb", 1, 1) for label in labels)
    eye = np.eye(len(labels), dtype="<f4") * 3
    rows = np.stack([eye[labels.index(label)] for label in words.values()])
    path.write_bytes(header(len(words), len(labels), dim=len(labels)) + entries + _matrix(rows) + _matrix(eye))
    return path


def _matrix(values: np.ndarray) -> bytes:
    return struct.pack("<?2q", False, *values.shape) + values.astype("<f4").tobytes()
