"""Corpus files in object stores and other places that fsspec reaches: `s3://`, `gs://`, `memory://`.

A file is read from its place as it is needed, a block at a time; nothing is copied to disk.
"""

import glob
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from encodery.errors import UserError
from encodery.files.stores import file_system, is_remote, reaching

__all__ = ["RemoteFile", "is_remote", "remote_files"]

_TAGS = ("etag", "md5hash", "content_md5", "crc32c", "checksum", "versionid", "generation")
_TIMES = ("lastmodified", "last_modified", "mtime", "updated", "modified", "created")
_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, order=True)
class RemoteFile:
    """One file; where a `Path` is read, this is read as well."""

    url: str
    fingerprint: str = field(default="", compare=False)
    """Its size with the store's own mark of its content (etag, hash), else with the time of its last change."""

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the address."""
        return PurePosixPath(self.url).name

    def open(self, mode: str) -> Any:
        """The file, opened for reading bytes (`rb`); it can seek.

        Raises:
            OSError: it is gone, or may not be read.
        """
        system, path = file_system(self.url)
        with reaching(self.url):
            return system.open(path, mode, block_size=_BLOCK_BYTES)


def remote_files(url: str) -> tuple[list[RemoteFile], bool]:
    """The files that an address names, sorted, and whether it is that of one file: of a folder all below it that is
    not hidden, of a glob its matches.

    Raises:
        UserError: fsspec or the package for this protocol is not installed, or the place cannot be read.
    """
    system, path = file_system(url)
    with reaching(url):
        if system.isfile(path):
            return [_file(system, url.partition("://")[0], system.info(path))], True
        is_folder = system.isdir(path)
        # a pattern is searched below the last folder that it names outright
        folder = path.rstrip("/") if is_folder else glob.escape(path).partition("[")[0].rpartition("/")[0]
        found = system.find(path, detail=True) if is_folder else _matches(system, url, path)
    entries = [
        entry
        for entry in found.values()
        if entry["type"] == "file" and not _is_hidden(str(entry["name"]).removeprefix(folder))
    ]
    return sorted(_file(system, url.partition("://")[0], entry) for entry in entries), False


def _matches(system: Any, url: str, path: str) -> Mapping[str, Any]:
    if not glob.has_magic(path):
        raise UserError(f"{url}: no such file or folder; check path = {url!r:.80}")
    found: Mapping[str, Any] = system.glob(path, detail=True)
    return found


def _is_hidden(below: str) -> bool:
    return any(part.startswith(".") for part in below.split("/"))


def _file(system: Any, protocol: str, entry: Mapping[str, Any]) -> RemoteFile:
    """A file from what its store says of it."""
    said = {key.lower().replace("-", "_"): value for key, value in entry.items() if value is not None}
    mark = next((said[key] for key in (*_TAGS, *_TIMES) if key in said), None)
    if mark is None and callable(modified := getattr(system, "modified", None)):
        mark = _or_none(modified, entry["name"])
    size = said.get("size")
    return RemoteFile(
        f"{protocol}://{str(entry['name']).removeprefix(f'{protocol}://').lstrip('/')}", f"{size} bytes, {mark}"
    )


def _or_none(function: Callable[[Any], Any], argument: object) -> object:
    """What a store says, if it can say it."""
    try:
        return function(argument)
    except NotImplementedError:
        return None
