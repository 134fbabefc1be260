"""Work of a phase that is slow, or that is killed: importable, since it travels to other processes."""

import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from encodery.corpus.launch import LaunchTable, Work, finished_tasks
from encodery.corpus.phases.cleaning import Cleaning


@dataclass(frozen=True)
class Slow:
    """Does its work, and is a while in ending."""

    work: Work
    seconds: float

    def __call__(self, task: int, into: Path) -> None:
        self.work(task, into)
        time.sleep(self.seconds)


@dataclass(frozen=True)
class DiesOnce:
    """The first time that it has done a task its process is killed; `log` remembers who died of what."""

    work: Work
    log: Path
    only: Collection[str] = ()
    """Tasks, as `PHASE-NUMBER`; all if none is named."""

    def __call__(self, task: int, into: Path) -> None:
        self.work(task, into)
        mark = self.log / f"{into.parent.name}-{task}"
        if not mark.exists() and (not self.only or mark.name in self.only):
            mark.write_text(f"{os.getpid()}")
            os.kill(os.getpid(), signal.SIGKILL)


def run_slowly(cleaning: Cleaning, launch: LaunchTable, seconds: float) -> None:
    """All phases; each task takes so much longer."""
    for phase in cleaning.phases():
        for _ in finished_tasks(replace(phase, work=Slow(phase.work, seconds)), launch):
            pass


def run_dying(cleaning: Cleaning, launch: LaunchTable, log: Path, only: Collection[str] = ()) -> int:
    """All phases, in which the worker of each task, or of some, dies once; how many tasks there were."""
    done = 0
    for phase in cleaning.phases():
        done += sum(1 for _ in finished_tasks(replace(phase, work=DiesOnce(phase.work, log, only)), launch))
    return done
