"""How far a phase of the corpus is: a bar on a terminal, a plain line every few seconds elsewhere."""

import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from encodery.train.progress import LINE_SECONDS, format_duration


class PhaseProgress:
    """Shows the tasks of a phase as they end; a context manager around it."""

    def __init__(
        self,
        console: Console,
        name: str,
        tasks: int,
        complete: int = 0,
        line_seconds: float = LINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._name = name
        self._tasks = tasks
        self._clock = clock
        self._started = clock()
        self._line_seconds = line_seconds
        self._ended = threading.Event()
        self._done = self._before = complete
        self._bar: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            columns = (TextColumn("  {task.description:10}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)
            self._bar.add_task(name, total=tasks, completed=complete)

    def __enter__(self) -> "PhaseProgress":
        if self._bar:
            self._bar.start()
        else:
            threading.Thread(target=self._speak, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._bar:
            self._bar.stop()
        elif self._done > self._before:
            self._console.print(self.line(), highlight=False)

    def advance(self) -> None:
        """One task more is complete."""
        self._done += 1
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=self._done)

    def line(self) -> str:
        """How far it is, as one line."""
        seconds = self._clock() - self._started
        parts = [f"  {self._name:10} {self._done}/{self._tasks} tasks", format_duration(seconds)]
        here = self._done - self._before
        if here and self._done < self._tasks:
            parts.append(f"about {format_duration(seconds / here * (self._tasks - self._done))} to go")
        return ", ".join(parts)

    def _speak(self) -> None:
        """Say how far it is every few seconds, also while a long task is under way."""
        while not self._ended.wait(self._line_seconds):
            self._console.print(self.line(), highlight=False)
