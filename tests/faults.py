"""A disk that fails on demand: the n-th change below a folder runs out of space, errs, kills, or loses power.

After SQLite (sqlite.org/testing): try every n. A power cut also loses what was not fsynced: the content of files,
and of folders the creations, renames and removals since: in all of them, in `root` alone, or in those below it.
"""

import errno
import os
import shutil
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from unittest import mock

import safetensors.torch
from safetensors import SafetensorError

KILLED = 137
ERRORS = {name: getattr(errno, name) for name in ("ENOSPC", "EIO", "EROFS", "EACCES")}
KILL = "kill"
CUTS = ("power cut", "power cut, entries lost", "power cut, inner entries lost", "power cut, outer entries lost")
SHORT = "short write"
_GROWS = ("open", "mkdir", "write", "fsync", "serialize_file")
_REAL = {
    name: getattr(os, name) for name in ("open", "write", "fsync", "mkdir", "chmod", "rename", "unlink", "rmdir")
}
_SERIALIZE = safetensors.torch.serialize_file


class PowerCut(BaseException):
    """The machine stopped: no handler of the code under test can change the disk any more."""


@dataclass
class FaultyDisk:
    """While entered, every change below `root` is logged, and number `at` (from 0) goes wrong in the way of `action`.

    With `lasting`, all later ones fail too (of a full disk: those that need space). fsync is noted, not done.
    """

    root: Path
    at: int | None = None
    action: str = ""
    lasting: bool = False
    log: list[str] = field(default_factory=list)
    paths: dict[int, Path] = field(default_factory=dict)
    """Open file descriptor → path."""
    unsynced: set[int] = field(default_factory=set)
    """Inodes of files whose content a power cut loses."""
    undo: list[tuple[int, Callable[[Path], None]]] = field(default_factory=list)
    """Inode of a folder and how to take back a change of its entries, oldest first."""

    dark: bool = False
    """Whether the power is off: nothing can be changed any more."""

    def __enter__(self) -> Self:
        self.graveyard = self.root.with_name(f"{self.root.name}-graveyard")
        own = {name: getattr(self, f"_{name}") for name in _REAL}
        self.patches = [mock.patch.object(os, name, function) for name, function in own.items()]
        self.patches.append(mock.patch.object(safetensors.torch, "serialize_file", self._serialize_file))
        for patch in self.patches:
            patch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for patch in self.patches:
            patch.stop()
        shutil.rmtree(self.graveyard, ignore_errors=True)

    def _full(self, path: Any, dir_fd: int | None = None) -> Path:
        return Path(path) if dir_fd is None else self.paths[dir_fd] / path

    def _goes_wrong(self, kind: str, path: Path) -> bool:
        """Note one change; say whether it is to fail."""
        if self.dark:
            raise PowerCut
        if not path.is_relative_to(self.root):
            return False
        number = len(self.log)
        self.log.append(f"{kind} {path.relative_to(self.root)}")
        if self.at is None or number < self.at or (number > self.at and not self.lasting):
            return False
        return number == self.at or self.action != "ENOSPC" or kind in _GROWS

    def _fail(self, path: Path | None) -> None:
        """What going wrong is: an error of the system, or the end of this process."""
        if self.action in ERRORS:
            code = ERRORS[self.action]
            raise OSError(code, os.strerror(code), *([str(path)] if path else []))
        if self.action in CUTS:
            self.dark = True
            self._lose()
            raise PowerCut
        if self.action == KILL:
            os._exit(KILLED)

    def _changed(self, folder: Path, undo: Callable[[Path], None]) -> None:
        if folder.is_relative_to(self.root.parent):
            self.undo.append((folder.stat().st_ino, undo))

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        full = self._full(path, dir_fd)
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and self._goes_wrong("open", full):
            self._fail(full)
        if writes and not full.exists():
            self._changed(full.parent, lambda parent: _REAL["unlink"](parent / full.name))
        descriptor: int = _REAL["open"](path, flags, mode, dir_fd=dir_fd)
        self.paths[descriptor] = full
        return descriptor

    def _write(self, descriptor: int, data: bytes) -> int:
        path = self.paths.get(descriptor, Path("/"))
        part = memoryview(data)
        self.unsynced.add(os.fstat(descriptor).st_ino)
        if self._goes_wrong("write", path):
            part = part[: (len(part) + 1) // 2]
            if self.action != SHORT:
                _REAL["write"](descriptor, part)
                self._fail(None)
        return int(_REAL["write"](descriptor, part))

    def _fsync(self, descriptor: int) -> None:
        if self._goes_wrong("fsync", self.paths.get(descriptor, Path("/"))):
            self._fail(None)
        inode = os.fstat(descriptor).st_ino
        self.unsynced.discard(inode)
        self.undo = [(folder, undo) for folder, undo in self.undo if folder != inode]

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        full = self._full(path, dir_fd)
        if self._goes_wrong("mkdir", full):
            self._fail(full)
        _REAL["mkdir"](path, mode, dir_fd=dir_fd)
        self._changed(full.parent, lambda parent: shutil.rmtree(parent / full.name))

    def _chmod(self, path: Any, mode: int, **options: Any) -> None:
        if self._goes_wrong("chmod", Path(path)):
            self._fail(Path(path))
        _REAL["chmod"](path, mode, **options)

    def _rename(self, source: Any, target: Any) -> None:
        old, new = Path(source), Path(target)
        assert old.parent == new.parent
        if self._goes_wrong("rename", old):
            self._fail(old)
        replaced = self._kept(new) if new.is_file() else None
        _REAL["rename"](old, new)

        def undo(parent: Path) -> None:
            _REAL["rename"](parent / new.name, parent / old.name)
            if replaced is not None:
                os.link(replaced, parent / new.name)

        self._changed(old.parent, undo)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        full = self._full(path, dir_fd)
        if self._goes_wrong("unlink", full):
            self._fail(full)
        if full.is_relative_to(self.root):
            body = self._kept(full)
            self._changed(full.parent, lambda parent: os.link(body, parent / full.name))
        _REAL["unlink"](path, dir_fd=dir_fd)

    def _kept(self, path: Path) -> Path:
        """Another name for a file that loses its own."""
        self.graveyard.exists() or _REAL["mkdir"](self.graveyard)
        body = self.graveyard / str(len(self.log))
        os.link(path, body)
        return body

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        full = self._full(path, dir_fd)
        if self._goes_wrong("rmdir", full):
            self._fail(full)
        inode = full.stat().st_ino
        _REAL["rmdir"](path, dir_fd=dir_fd)
        self._changed(full.parent, lambda parent: self._bring_back(parent / full.name, inode))

    def _bring_back(self, folder: Path, inode: int) -> None:
        """Undo the removal of a folder: what was removed from it before now goes into the new one."""
        _REAL["mkdir"](folder)
        self.undo = [(folder.stat().st_ino if at == inode else at, undo) for at, undo in self.undo]

    def _serialize_file(self, tensors: Any, path: Any, metadata: dict[str, str] | None = None) -> None:
        full = Path(path)
        wrong = self._goes_wrong("serialize_file", full)
        if wrong and self.action in ERRORS:  # the library removes its temporary file and quotes the number
            code = ERRORS[self.action]
            raise SafetensorError(f"Error while serializing: I/O error: {os.strerror(code)} (os error {code})")
        _SERIALIZE(tensors, path, metadata=metadata)
        self.unsynced.add(full.stat().st_ino)
        self._changed(full.parent, lambda parent: _REAL["unlink"](parent / full.name))
        if wrong:
            if self.action != SHORT:
                os.truncate(full, full.stat().st_size // 2)
            self._fail(full)

    def _lose(self) -> None:
        """Lose what was not fsynced."""
        which = {CUTS[1]: (True, False), CUTS[2]: (False,), CUTS[3]: (True,)}.get(self.action, ())
        while self.undo:
            inode, undo = self.undo.pop()
            folder = self._find(inode)
            if folder is not None and (folder in (self.root, self.root.parent)) in which:
                undo(folder)
        for path in self.root.rglob("*"):
            if path.is_file() and path.stat().st_ino in self.unsynced:
                os.truncate(path, 0)

    def _find(self, inode: int) -> Path | None:
        """Where a folder is by now; None where it was removed for good."""
        folders = [self.root.parent, self.root, *self.root.rglob("*")]
        return next((path for path in folders if path.is_dir() and path.stat().st_ino == inode), None)


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder, in memory where the machine has such: thousands of small files are quick there."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder).resolve()


def run_in_child(function: Callable[[], object]) -> int:
    """Call `function` in a forked process that may die of it; its exit code (0: returned, 1: raised)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside the idle threads of torch
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
