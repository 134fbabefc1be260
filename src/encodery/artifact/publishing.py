"""Publish an artifact: write beside, fsync, hash, mark complete, rename.

A process may be killed and the power may fail at any moment: the earlier artifact or the new one remains, never a
mixture, and what is left of a dead attempt is removed by the next one (`recovery`).
"""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from encodery import __version__
from encodery.artifact.disk import (
    explained,
    fsync_path,
    make_folder,
    regular_size,
    remove,
    rename,
    sha256,
    write_bytes,
)
from encodery.artifact.manifest import MANIFEST, Manifest
from encodery.artifact.recovery import NEW, OLD, recover, sibling
from encodery.errors import UserError


@contextmanager
def publish(
    folder: Path, manifest: Mapping[str, Any], *, replace: bool = True, size: int | None = None
) -> Iterator[Path]:
    """Yield an empty folder to write files into; when the block ends it becomes `folder`, whole and durable.

    `manifest` holds the caller's fields of `Manifest` (`files` and `created` are filled in here). It is read when the
    block ends, so metrics may be added to it inside. `size`, the number of bytes to be written where known, completes
    the message of a full disk. When anything fails, what was at `folder` stays as it was.

    Raises:
        UserError: the disk is full, read-only or failing; `folder` exists and `replace` is false, or it holds
            something other than an artifact.
    """
    folder = folder.resolve()
    _complete(manifest, {})  # a wrong field is better found before the work than after it
    temporary = sibling(folder, NEW)
    with explained("save", folder, size):
        make_folder(folder.parent)
        recover(folder.parent, folder.name)
        _check_free(folder, replace)
        try:
            temporary.mkdir()
            yield temporary
            _seal(temporary, manifest)
            _move_into_place(temporary, folder)
        except BaseException:
            with suppress(OSError):
                remove(temporary)
            raise


def discard(folder: Path) -> None:
    """Remove an artifact: for a reader it is gone at once, whatever happens to this process meanwhile.

    Raises:
        UserError: the disk does not allow it.
    """
    with explained("remove", folder):
        doomed = sibling(folder, NEW)
        rename(folder, doomed)
        fsync_path(folder.parent)
        remove(doomed)


def _check_free(folder: Path, replace: bool) -> None:
    """Refuse to replace what must stay: any artifact unless `replace`, and what is not ours to delete."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / MANIFEST).is_file():
        raise UserError(f"{folder}: exists and is no artifact (no {MANIFEST}); choose another folder or remove it")
    if not replace:
        raise UserError(f"{folder}: exists already; choose another folder or remove it")


def _seal(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Make every file durable, then write the manifest that vouches for them."""
    # safetensors creates files that only their owner may read; a model is for whoever may read its folder
    mode = folder.stat().st_mode & 0o666
    paths = sorted(folder.rglob("*"))
    files = {}
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            continue
        size = regular_size(path)
        path.chmod(mode)
        fsync_path(path)
        files[path.relative_to(folder).as_posix()] = {"sha256": sha256(path), "size": size}
    assert MANIFEST not in files
    write_bytes(folder / MANIFEST, _complete(manifest, files).to_bytes())
    fsync_path(folder / MANIFEST)
    for inner in (path for path in paths if path.is_dir()):
        fsync_path(inner)
    fsync_path(folder)


def _complete(given: Mapping[str, Any], files: Mapping[str, Any]) -> Manifest:
    """The caller's fields completed by ours."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return Manifest(**{"versions": _versions(), **given, "files": files, "created": created})


@cache
def _versions() -> dict[str, str]:
    """What an artifact is made with; asked without importing torch."""
    return {"encodery": __version__, "python": platform.python_version(), "torch": version("torch")}


def _move_into_place(temporary: Path, folder: Path) -> None:
    """Give the sealed folder its name. What has that name steps aside first and is removed last."""
    aside = sibling(folder, OLD)
    replacing = folder.exists()
    if replacing:
        rename(folder, aside)
    try:
        rename(temporary, folder)
    except OSError:
        if replacing:
            rename(aside, folder)
        raise
    fsync_path(folder.parent)
    if replacing:
        with suppress(OSError):  # the artifact is saved; the next one to be saved here tries again
            remove(aside)
