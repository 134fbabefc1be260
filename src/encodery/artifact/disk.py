"""The few ways in which Encodery changes a disk, and what it says when the disk does not let it."""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError

from encodery.errors import UserError

RESTORE = "restore the folder from a copy, or delete it and run again"
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit (ulimit -f)",
    errno.EROFS: "make it writable",
    errno.EACCES: "change the permissions",
    errno.EPERM: "change the permissions",
    errno.EIO: "check the disk",
}


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file. It is durable only after `fsync_path`, which `publish` calls for every file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def fsync_path(path: Path) -> None:
    """Make the content of a file, or the entries of a folder, survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(source: Path, target: Path) -> None:
    """Give a folder another name on the same file system: it has the one or the other, never both or none."""
    source.rename(target)


def remove(path: Path) -> None:
    """Remove a file, a link (never what it leads to) or a whole folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, durably."""
    if folder.exists():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    fsync_path(folder.parent)


def sha256(path: Path) -> str:
    """Hash of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def regular_size(path: Path) -> int:
    """Size of a regular file in bytes; a link, a pipe or a device is refused before it is opened."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: not a regular file, which is all an artifact may hold; {RESTORE}")
    return status.st_size


@contextmanager
def explained(
    verb: Literal["save", "read", "remove", "tidy up"], path: Path, needed: int | None = None
) -> Iterator[None]:
    """Turn the disk's errors while something is done to `path` into a UserError of one line.

    `needed` is the number of bytes to save, where known. Errors about other files pass through unchanged.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        cause = _os_error(error)
        if cause is None or not _concerns(cause, path):
            raise
        reason = cause.strerror or str(cause)
        if cause.errno in (errno.ENOSPC, errno.EDQUOT):
            reason += f" ({_space(path, needed)})"
        remedy = REMEDIES.get(cause.errno or 0)
        if verb == "save":
            elsewhere = f"{remedy} or choose another folder" if remedy else "choose another folder"
            remedy = f"{elsewhere}; what was saved earlier is intact"
        raise UserError(f"cannot {verb} {path}: {reason}; {remedy or RESTORE}") from error


def _os_error(error: OSError | SafetensorError) -> OSError | None:
    """The error of the operating system behind `error`: safetensors only quotes its number."""
    if isinstance(error, OSError):
        return error
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


def _concerns(error: OSError, path: Path) -> bool:
    """Whether an error is about `path`, and not about what the caller reads or calls meanwhile."""
    if error.filename is None:
        return error.errno in REMEDIES
    culprit = Path(os.fsdecode(error.filename))
    hidden = f".{path.name}."  # what publishing calls the folder while it is being written
    siblings = [part for part in (culprit, *culprit.parents) if part.parent == path.parent]
    return any(part == path or part.name.startswith(hidden) for part in siblings) or path.is_relative_to(culprit)


def _space(path: Path, needed: int | None) -> str:
    """How much room there is, and how much was asked for when that is known."""
    nearest = next(parent for parent in path.parents if parent.exists())
    free = f"{shutil.disk_usage(nearest).free:,} bytes free"
    return free if needed is None else f"{free}, {needed:,} needed"
