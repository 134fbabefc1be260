"""A file of predictions that is written block by block and can be gone on with, whatever happens to the process.

While it is written, `out.jsonl` is `out.jsonl.part`; beside it `out.jsonl.manifest.json` says how much of that is
safe: bytes that reached the disk before the manifest said so. What is behind them is cut off by the next run. When
all is there, the part gets its name.
"""

import fcntl
import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, NonNegativeInt

from encodery.artifact.disk import explained, fsync_path, make_folder, rename, write_bytes
from encodery.config import Config, read_json
from encodery.errors import UserError
from encodery.files.streams import COMPRESSIONS
from encodery.serve.folder_hash import folder_hash


class Written(Config):
    """What a manifest says of the predictions beside it."""

    model: str
    """The folder."""
    model_sha256: str
    """As `folder_hash`."""
    asked: str = Field(default="", exclude_if=lambda asked: not asked)
    """What was asked of the model beside its folder."""
    input: str
    input_sha256: str = ""
    """Of the records that predictions are there for."""
    records: NonNegativeInt = 0
    errors: NonNegativeInt = 0
    """How many of these have no prediction."""
    truncated: NonNegativeInt = Field(default=0, exclude_if=lambda count: not count)
    """Of how many something was left out, where that is counted."""
    bytes: NonNegativeInt = 0


class Output:
    """Where predictions go. Use it in a `with` block."""

    def __init__(self, to: Path, model: Path, file: Path, asked: str = "") -> None:
        """Look at what is there of an earlier run; `asked` is what the model is asked beside its folder.

        Raises:
            UserError: it is not of this model or was asked for otherwise, has been changed since, or is no such file.
        """
        self.to = to
        self.part = to.with_name(f"{to.name}.part")
        self.manifest = to.with_name(f"{to.name}.manifest.json")
        self.is_finished = to.exists()
        self._descriptor: int | None = None
        fresh = Written(model=str(model), model_sha256=folder_hash(model), asked=asked, input=str(file))
        self.written = self._found(fresh)

    def _found(self, fresh: Written) -> Written:
        if not self.manifest.is_file():
            for path in (self.to, self.part):
                if path.exists() and path.stat().st_size:
                    raise UserError(f"{path}: exists, and no {self.manifest.name} says what it is; {self._remedy}")
            return fresh
        found = Written.parse(read_json(self.manifest), str(self.manifest))
        path = self.to if self.is_finished else self.part
        size = path.stat().st_size if path.exists() else None
        if size is None or (size < found.bytes and not self.is_finished):  # removed, or lost with the power
            return fresh
        if self.is_finished and size != found.bytes:
            raise UserError(
                f"{path}: {size:,} bytes where {self.manifest.name} says {found.bytes:,}, so it has been changed "
                f"since; {self._remedy}"
            )
        if not found.records and not self.is_finished:  # it ended before there was anything to go on with
            return fresh
        if found.model_sha256 != fresh.model_sha256:
            raise UserError(
                f"{path}: predicted by another model ({found.model}), or by this one before it was changed; "
                f"{self._remedy}"
            )
        if found.asked != fresh.asked:
            raise UserError(
                f"{path}: predicted with the options {found.asked or '{}'}, and now they are {fresh.asked or '{}'}; "
                f"give the same, or {self._remedy}"
            )
        return found

    @property
    def _remedy(self) -> str:
        return f"remove {self.to if self.is_finished else self.part} to predict anew, or choose another --to"

    def input_changed(self) -> UserError:
        """What to say where the input does not begin with the records that predictions are there for."""
        path = self.to if self.is_finished else self.part
        return UserError(
            f"{path}: its {self.written.records:,} predictions are for other records than {self.written.input} has "
            f"now; restore them, or {self._remedy}"
        )

    def __enter__(self) -> "Output":
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def open(self) -> None:
        """Make ready for writing behind what is safe.

        Raises:
            UserError: another process writes there, or the disk does not allow it.
        """
        with explained("save", self.part):
            make_folder(self.to.parent)
            self._descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT, 0o666)
            self._lock(self._descriptor)
            self._write_manifest()
            os.ftruncate(self._descriptor, self.written.bytes)
            os.lseek(self._descriptor, 0, os.SEEK_END)

    def _lock(self, descriptor: int) -> None:
        """Keep others out until this process ends, however it does."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = not self.to.exists()  # else it was finished since we looked
        except BlockingIOError:
            is_ours = False
        if not is_ours:
            raise UserError(f"{self.part}: another process writes it; wait until it is done, or stop it")

    def add(self, lines: Sequence[bytes], records: int, input_sha256: str, errors: int, truncated: int = 0) -> None:
        """The predictions of a block: on the disk when this returns. `records` and `input_sha256` are those up to its
        end, `errors` and `truncated` its own.

        Raises:
            UserError: the disk is full or failing; what was written before is safe.
        """
        assert self._descriptor is not None
        data = compressed(b"".join(line + b"\n" for line in lines), self.to.name)
        with explained("save", self.part, len(data)):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        self.written = self.written.model_copy(
            update={
                "records": records,
                "input_sha256": input_sha256,
                "errors": self.written.errors + errors,
                "truncated": self.written.truncated + truncated,
                "bytes": self.written.bytes + len(data),
            }
        )
        self._write_manifest()

    def _write_manifest(self) -> None:
        new = self.manifest.with_name(f".{self.manifest.name}.new")
        with explained("save", self.manifest):
            write_bytes(new, json.dumps(self.written.model_dump(), indent=1, ensure_ascii=False).encode() + b"\n")
            fsync_path(new)
            rename(new, self.manifest)
            fsync_path(self.to.parent)

    def publish(self) -> None:
        """Give the part its name: all predictions are there."""
        with explained("save", self.part):
            rename(self.part, self.to)
            fsync_path(self.to.parent)
        self.is_finished = True


def compressed(data: bytes, name: str) -> bytes:
    """Whole by itself, so that pieces behind each other are a file; as the suffix says, and the same every time.

    Raises:
        UserError: zstandard is missing.
    """
    suffix = name.lower()[-4:]
    if suffix.endswith(COMPRESSIONS[0]):
        return gzip.compress(data, 6, mtime=0)
    if suffix != COMPRESSIONS[1]:
        return data
    try:
        import zstandard
    except ImportError:
        raise UserError(f'{name}: writing .zst needs the package zstandard; pip install "encodery[corpus]"') from None
    packed: bytes = zstandard.ZstdCompressor().compress(data)
    return packed
