"""Token shards that lie elsewhere: a table here, `remote.json`, says where, and files are fetched as they are read.

How many tokens, sentences and documents each shard has is in `shards.json`, so a place in the corpus is found without
any of its files; opening a corpus of any size fetches nothing.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field, PositiveInt

from encodery.config import Config
from encodery.data.shard_cache import DEFAULT_BYTES, RemoteArray, ShardCache
from encodery.data.shard_format import MANIFEST, REWRITE, ShardsManifest, file_name
from encodery.errors import UserError
from encodery.files.stores import is_remote

REMOTE = "remote.json"
_SHA256 = re.compile("[0-9a-f]{64}")
_TOUCH_SECONDS = 5.0
"""How old the note that a file is in use may be."""


class RemoteTable(Config):
    """`remote.json`: the folder that has the files which `shards.json` lists."""

    path: str = Field(min_length=1)
    """A path, or an address that fsspec knows."""


class ShardsTable(Config):
    """`corpus.shards`: text that is token shards already, in place of `inputs`."""

    path: str = Field(min_length=1)
    """A folder with the folders `train` and `valid` of token shards, as the stage `shards` leaves it; a path, or an
    address that fsspec knows: `s3://bucket/runs/NAME/shards`."""
    tokenizer: str | None = Field(default=None, min_length=1)
    """The folder of the tokenizer that they were written with; that of the model which `pretrain.from` names, if not
    given."""
    cache: str | None = Field(default=None, min_length=1)
    """Where files from an address are kept: a folder on a local disk, which runs may share; ~/.cache/encodery/shards
    if not given. Shards under a path are read in their place, unless this is given (for a slow shared disk)."""
    cache_bytes: PositiveInt = DEFAULT_BYTES
    """How much of them is kept."""

    @property
    def is_remote(self) -> bool:
        """Whether they lie behind an address."""
        return is_remote(self.path)

    def address(self, base: Path) -> str:
        """Where they lie, wherever one asks from."""
        return self.path.rstrip("/") if self.is_remote else str((base / self.path).resolve())


def read_remote(folder: Path) -> RemoteTable | None:
    """The table of a folder of shards; None where their files are in the folder itself."""
    path = folder / REMOTE
    if not path.is_file():
        return None
    try:
        return RemoteTable.parse(json.loads(path.read_bytes()), str(path))
    except ValueError as error:
        raise UserError(f"{path}: not JSON: {error}; {REWRITE}") from None


@dataclass
class _Mapped:
    """An array that is mapped, and when that was last said."""

    array: np.ndarray
    seen: float


class RemoteArrays:
    """The files of one kind, a shard each, mapped when they are first asked for."""

    def __init__(self, files: Sequence[RemoteArray], cache: ShardCache) -> None:
        self._files = files
        self._cache = cache
        self._mapped: dict[int, _Mapped] = {}

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, shard: int) -> np.ndarray:
        """The array of a shard.

        Raises:
            UserError: as `ShardCache.map`.
        """
        now = time.monotonic()
        found = self._mapped.get(shard)
        if found is None:
            found = _Mapped(self._cache.map(self._files[shard]), now)
            # what was removed from the cache is let go of, so that the disk has it back; a copy, as another thread
            # may be here, too: what one of them misses is mapped again
            mapped = list(self._mapped.items())
            self._mapped = {**{n: it for n, it in mapped if self._cache.has(self._files[n])}, shard: found}
        elif now - found.seen > _TOUCH_SECONDS:
            self._cache.touch(self._files[shard])
            found.seen = now
        return found.array


def remote_arrays(
    folder: Path, remote: RemoteTable, manifest: ShardsManifest, cache: ShardCache
) -> dict[str, RemoteArrays]:
    """The arrays of all shards by their kind; nothing is fetched yet.

    Raises:
        UserError: the table names no hash for a file, or the shards are of format 2.
    """
    if manifest.format_version == 2:
        raise UserError(f"{folder / MANIFEST}: shards of format 2 are read from their own folder alone; {REWRITE}")
    base = remote.path.rstrip("/")
    arrays = {}
    for kind in manifest.kinds:
        files = []
        for index, shard in enumerate(manifest.shards):
            name = file_name(kind, index)
            sha256 = shard.sha256.get(name, "")
            if not _SHA256.fullmatch(sha256):  # it becomes the name of a file
                raise UserError(f"{folder / MANIFEST}: sha256 of {name} = {sha256!r:.80} is none; {REWRITE}")
            size = manifest.num_bytes(index, kind)
            record = manifest.record_type(kind) if kind == "ids" else "<i8"  # offsets are below 2**63
            files.append(RemoteArray(f"{base}/{name}", size, sha256, record))
        arrays[kind] = RemoteArrays(files, cache)
    return arrays
