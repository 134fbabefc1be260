"""Work for tasks: it must be importable, since it travels to other processes."""

import errno
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from encodery.errors import UserError


@dataclass(frozen=True)
class Square:
    """Writes the square of its number, and beside the phase a line for each attempt."""

    log: Path
    fails: tuple[int, ...] = ()
    """Tasks whose recipe is wrong."""
    breaks: tuple[int, ...] = ()
    """Tasks that always break."""
    dies: dict[int, int] = field(default_factory=dict)
    """How often a task is killed before it is not."""
    full: tuple[int, ...] = ()
    """Tasks that find the disk full."""
    interrupted: tuple[int, ...] = ()
    """Tasks during which somebody presses Ctrl-C."""
    seconds: float = 0.0

    def __call__(self, task: int, into: Path) -> None:
        tries = self.tries(task)
        with (self.log / f"{task}").open("a") as file:
            file.write(f"{os.getpid()}\n")
        (into / "half").write_text("half")
        time.sleep(self.seconds)
        if task in self.fails:
            raise UserError(f"part {task}: no such file")
        if task in self.breaks:
            raise ConnectionError(f"store of {task} is away")
        if task in self.full:
            raise OSError(errno.ENOSPC, "No space left on device", str(into / "half"))
        if tries < self.dies.get(task, 0):
            os.kill(os.getpid(), signal.SIGKILL)
        if task in self.interrupted:
            os.kill(os.getpid(), signal.SIGINT)
        (into / "half").unlink()
        (into / "square").write_text(f"{task**2}")

    def tries(self, task: int) -> int:
        """How often a task was begun."""
        path = self.log / f"{task}"
        return len(path.read_text().splitlines()) if path.exists() else 0
