"""Corpus files in object stores and other places that fsspec reaches: `s3://`, `gs://`, `memory://`.

A file is read from its place as it is needed, a block at a time; nothing is copied to disk.
"""

import glob
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from encodery.errors import UserError

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
        system, path = _system(self.url)
        with _reaching(self.url):
            return system.open(path, mode, block_size=_BLOCK_BYTES)


def is_remote(path: str) -> bool:
    """Whether an input names another place than the disk."""
    return "://" in path


def remote_files(url: str) -> tuple[list[RemoteFile], bool]:
    """The files that an address names, sorted, and whether it is that of one file: of a folder all below it that is
    not hidden, of a glob its matches.

    Raises:
        UserError: fsspec or the package for this protocol is not installed, or the place cannot be read.
    """
    system, path = _system(url)
    with _reaching(url):
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


def _system(url: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise UserError(f'{url}: reading this needs the package fsspec; pip install "encodery[remote]"') from None
    with _reaching(url):
        try:
            system, path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{url}: {reason:.200}; for s3:// pip install s3fs, for gs:// pip install gcsfs"
            ) from None
        except ValueError:
            known = "s3, gs, az, hf, https"
            raise UserError(f"{url}: no such protocol; fsspec's are allowed ({known}, ...), or a path") from None
    return system, str(path)


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """What goes wrong on the way to a store, whatever its package raises, as one line."""
    try:
        yield
    except (OSError, UserError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{url}: cannot be reached ({reason:.200}); check the address and your credentials") from None
