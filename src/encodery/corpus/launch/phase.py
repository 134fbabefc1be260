"""A phase: numbered tasks that depend on nothing but what earlier phases left, each with a folder for its output."""

import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from encodery.artifact.disk import explained, fsync_path, make_folder, remove

STATE = "state"
"""Below the pipeline's folder: what datatrove keeps of each phase."""


@runtime_checkable
class Work(Protocol):
    """What the tasks of a phase do. It travels to other processes, so it can be pickled."""

    def __call__(self, task: int, into: Path) -> None:
        """Do one task and write what comes of it into the empty folder `into`; the same bytes each time."""


@dataclass(frozen=True)
class Phase:
    """`tasks` times `work`; the output of a task lies in `folder/NAME/NNNNN`."""

    name: str
    tasks: int
    work: Work
    folder: Path
    """Of the whole pipeline, on a disk that all workers see."""
    reads: Sequence[str] = ()
    """What each task reads, for messages; nothing where there is nothing to name."""

    @property
    def state(self) -> Path:
        """Where datatrove keeps the completion markers, logs and statistics of the phase."""
        return self.folder / STATE / self.name

    def complete(self) -> int:
        """How many of its tasks are complete already."""
        markers = self.state / "completions"
        return sum(1 for _ in markers.iterdir()) if markers.is_dir() else 0

    def run(self, task: int) -> None:
        """Do one task; its folder is there whole or not at all, whenever this process is killed.

        Raises:
            UserError: the disk is full or cannot be written, or from the work.
        """
        folder = task_folder(self.folder, self.name, task)
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}")
        with explained("save", folder):
            make_folder(folder.parent)
            temporary.mkdir()
            try:
                self.work(task, temporary)
                for path in temporary.rglob("*"):
                    fsync_path(path)
                fsync_path(temporary)
                _move(temporary, folder)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            fsync_path(folder.parent)

    def tidy(self) -> None:
        """Remove what killed tasks left half done; no task of the phase should be at work.

        One that is all the same, as of a machine that was given up for lost, finds its folder gone and ends without a
        marker: each folder loses its name before anything in it goes, so that no half of it can be taken for whole.
        """
        for left in (self.folder / self.name).glob(".*"):
            gone = left.with_name(f".gone-{secrets.token_hex(8)}")
            with suppress(OSError):
                left.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)


def task_folder(folder: Path, phase: str, task: int) -> Path:
    """Where the output of a task lies, once it is complete."""
    return folder / phase / f"{task:05d}"


def _move(temporary: Path, folder: Path) -> None:
    """Give the output its name. One of an attempt that was killed before it was marked as complete makes room, but
    not for an output that is gone (`Phase.tidy`)."""
    temporary.stat()
    with suppress(FileNotFoundError):
        remove(folder)
    temporary.rename(folder)
