"""Files of token shards that lie elsewhere, kept on the local disk as long as there is room.

A file in the cache is named by the SHA-256 of its content, and gets that name by a rename, once all of it is there
and has that hash: whatever is killed when, a file of such a name is right. Any number of processes share a cache.
Each file has a lock: one process fetches it, the others wait for it. A lock over the whole cache is held while room
is made: what was used least recently goes, until the files with those being fetched (which have their full size from
the beginning) are within the limit.

A file that is removed while some process has it mapped is freed by the system when that process lets go of it.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from encodery.data.mapped_file import map_file
from encodery.errors import UserError
from encodery.files.stores import file_system, is_remote, reaching

DEFAULT_BYTES = 1 << 36
_BLOCK_BYTES = 1 << 22
_TRIES = 3
_WAIT_SECONDS = 0.2
_PART = ".part"
_LOCK = ".lock"


def default_folder() -> Path:
    """Where a cache lies that nobody gave a place."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "encodery" / "shards"


@dataclass(frozen=True)
class RemoteArray:
    """One file of a shard: where it is, and what it must be."""

    address: str
    """A path, or an address that fsspec knows."""
    size: int
    sha256: str
    record_type: str


class ShardCache:
    """A folder of files that were fetched, of `max_bytes` at most."""

    def __init__(self, folder: Path | None = None, max_bytes: int = DEFAULT_BYTES) -> None:
        self.folder = folder or default_folder()
        self.max_bytes = max_bytes
        self.fetched_bytes = 0
        """What this process has fetched: more than the shards have, if the cache is too small for them."""

    def map(self, array: RemoteArray) -> np.ndarray:
        """The file as an array, fetched if it is not there.

        Raises:
            UserError: it cannot be reached, is not what it must be, or there is no room for it.
        """
        if not array.size:
            return np.empty(0, array.record_type)
        while True:
            path = self.fetch(array)
            with suppress(FileNotFoundError):  # another process made room in between
                return map_file(path, array.record_type)

    def has(self, array: RemoteArray) -> bool:
        """Whether the file is there."""
        return (self.folder / array.sha256).exists()

    def touch(self, array: RemoteArray) -> None:
        """Note that a file is in use."""
        with suppress(FileNotFoundError):
            os.utime(self.folder / array.sha256)

    def fetch(self, array: RemoteArray) -> Path:
        """The path of the file in the cache; raises as `map` does."""
        path = self.folder / array.sha256
        if self._is_there(path, array):
            return path
        if array.size > self.max_bytes:
            raise UserError(
                f"{array.address}: has {array.size:,} bytes, and the cache may hold {self.max_bytes:,}; raise "
                "cache_bytes"
            )
        with _explained(array.address, self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked(array.sha256):
                if not self._is_there(path, array):
                    part = self._reserve(array)
                    try:
                        self._download(array, part)
                        part.replace(path)
                    finally:
                        part.unlink(missing_ok=True)
        return path

    def _is_there(self, path: Path, array: RemoteArray) -> bool:
        try:
            found = path.stat().st_size == array.size
        except OSError:
            return False
        if found:
            self.touch(array)
        return found

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """A lock that ends with the process that holds it."""
        with (self.folder / f"{name}{_LOCK}").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _reserve(self, array: RemoteArray) -> Path:
        """An empty file of the size that is needed, once there is room for it."""
        part = self.folder / f"{array.sha256}{_PART}"
        while True:
            with self._locked("all"):
                part.unlink(missing_ok=True)  # of a process that was killed: the lock of this file is ours
                if self._make_room(array.size):
                    with part.open("wb") as file:
                        file.truncate(array.size)
                    return part
            time.sleep(_WAIT_SECONDS)  # all that is left are files that others are fetching

    def _make_room(self, wanted: int) -> bool:
        """Remove what was used least recently; whether that was enough."""
        whole, total = [], wanted
        for path in self.folder.iterdir():
            if path.name.endswith(_LOCK):
                continue
            with suppress(FileNotFoundError):
                if path.name.endswith(_PART) and self._is_abandoned(path):
                    path.unlink()
                    continue
                status = path.stat()
                total += status.st_size
                if not path.name.endswith(_PART):
                    whole.append((status.st_mtime_ns, status.st_size, path))
        for _, size, path in sorted(whole):
            if total <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size
        return total <= self.max_bytes

    def _is_abandoned(self, part: Path) -> bool:
        """Whether nobody fetches it any more: its lock is free."""
        with (self.folder / f"{part.name.removesuffix(_PART)}{_LOCK}").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def _download(self, array: RemoteArray, part: Path) -> None:
        """Copy a file and compare its hash, some times if need be."""
        for attempt in range(1, _TRIES + 1):
            try:
                with part.open("r+b") as file:
                    found = _copy(array, file)
                self.fetched_bytes += array.size
            except UserError:
                raise
            except OSError as error:
                if error.filename == str(part) or _is_local(error) or attempt == _TRIES:
                    raise
            else:
                if found == array.sha256:
                    return
                if attempt == _TRIES:
                    raise UserError(
                        f"{array.address}: is not what the table of its shards says (sha256 or size differs); copy "
                        "the shards there again"
                    )
            time.sleep(_WAIT_SECONDS * attempt)


def _copy(array: RemoteArray, file: BinaryIO) -> str:
    """Copy a file from its place; the hash of what came, "" if it has another size."""
    digest, count = hashlib.sha256(), 0
    with reaching(array.address), _opened(array.address) as source:
        while block := source.read(_BLOCK_BYTES):
            count += len(block)
            if count > array.size:
                return ""
            digest.update(block)
            file.write(block)
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest() if count == array.size else ""


def _opened(address: str) -> Any:
    """A file of bytes, wherever it lies."""
    if not is_remote(address):
        return Path(address).open("rb")
    system, path = file_system(address)
    return system.open(path, "rb", block_size=_BLOCK_BYTES)


def _is_local(error: OSError) -> bool:
    """Whether trying again cannot help: the disk is full, or a file is not there."""
    return isinstance(error, FileNotFoundError | PermissionError) or error.errno in (28, 122)


@contextmanager
def _explained(address: str, folder: Path) -> Iterator[None]:
    """What the disk or the store does not let us do, in one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        at = f", {error.filename}" if error.filename and str(error.filename) != address else ""
        raise UserError(
            f"{address}: cannot be fetched ({reason:.200}{at}); check the address, or the room and the permissions "
            f"of the cache {folder}"
        ) from None
