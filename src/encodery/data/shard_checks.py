"""Is a token shard what its manifest says? Reads every byte, and names the file and the record that is wrong."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt

from encodery.data.shard_format import LANGUAGES, MANIFEST, REWRITE, ShardsManifest, file_name
from encodery.errors import UserError


def check_contents(
    folder: Path, manifest: ShardsManifest, index: int, arrays: Mapping[str, UInt[np.ndarray, " _"]]
) -> None:
    """Compare the files of one shard with their recorded hashes, and their records with each other.

    Raises:
        UserError: a record cannot be right, or a file's hash is another.
    """
    shard = manifest.shards[index]
    _check_ids(folder / file_name("ids", index), arrays["ids"], manifest.vocab_size)
    _check_offsets(folder / file_name("sentences", index), arrays["sentences"], shard.num_tokens, "token")
    _check_offsets(folder / file_name("documents", index), arrays["documents"], shard.num_sentences, "sentence")
    if LANGUAGES in manifest.kinds:
        count = len(manifest.languages or ())
        _check_ids(folder / file_name(LANGUAGES, index), arrays[LANGUAGES], count, "the languages")
    for kind in manifest.kinds:
        path = folder / file_name(kind, index)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != shard.sha256.get(path.name):
            raise UserError(f"{path}: altered since it was written (sha256 differs from {MANIFEST}); {REWRITE}")


def _check_ids(path: Path, ids: UInt[np.ndarray, " items"], end: int, limit: str = "vocab_size") -> None:
    """Every id must be below the end of what it numbers."""
    step = 1 << 24
    for start in range(0, len(ids), step):
        wrong = np.flatnonzero(ids[start : start + step] >= end)
        if wrong.size:
            record = start + int(wrong[0])
            raise UserError(f"{path}: record {record} is id {ids[record]}, must be below {limit} = {end}; {REWRITE}")


def _check_offsets(path: Path, offsets: UInt[np.ndarray, " bounds"], end: int, unit: str) -> None:
    """Offsets must rise from 0 to the end, each item at least one `unit` long."""
    if offsets[0] != 0:
        raise UserError(f"{path}: record 0 is {unit} {offsets[0]}, must be 0; {REWRITE}")
    falls = np.flatnonzero(offsets[1:] <= offsets[:-1])
    if falls.size:
        record = int(falls[0]) + 1
        raise UserError(
            f"{path}: record {record} is {unit} {offsets[record]}, must be above {offsets[record - 1]} "
            f"(the record before); {REWRITE}"
        )
    if offsets[-1] != end:
        raise UserError(
            f"{path}: record {len(offsets) - 1} (the end) is {unit} {offsets[-1]}, must be {end}; {REWRITE}"
        )
