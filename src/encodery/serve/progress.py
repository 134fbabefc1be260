"""How far a file of records is: a bar on a terminal, elsewhere one plain line every few seconds."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_SECONDS = 10.0


class FileProgress:
    """Use it in a `with` block; `tick` after each batch and `block` after each block."""

    def __init__(
        self, title: str, console: Console, done: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`done` records were there before."""
        self._title = title
        self._console = console
        self._clock = clock
        self._start = self._shown = clock()
        self._first = self._records = done
        self._tokens = self._errors = 0
        self._share: float | None = None
        self._first_share: float | None = None
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if console.is_terminal and not console.is_dumb_terminal:
            said = TextColumn("{task.description}", markup=False)
            columns = (said, BarColumn(20), TimeElapsedColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console, transient=True)
            self._task = self._bar.add_task(self._title, total=None)

    def __enter__(self) -> "FileProgress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def tick(self, tokens: int) -> None:
        """A batch of so many tokens was computed."""
        self._tokens += tokens
        self._show()

    def block(self, records: int, errors: int, share: float | None) -> None:
        """So many records are done, those from before included; `share` of the file is read."""
        self._records = records
        self._errors += errors
        self._share = share
        self._show()

    @property
    def line(self) -> str:
        """What there is to say."""
        seconds = max(self._clock() - self._start, 1e-9)
        parts = [f"{self._title}: {self._records:,} records"]
        if self._share is not None:
            parts.append(f"{100 * self._share:.0f} % of the file")
        parts.append(f"{(self._records - self._first) / seconds:,.0f} records/s")
        parts.append(f"{self._tokens / seconds:,.0f} tokens/s")
        if self._errors:
            parts.append(f"{self._errors:,} errors")
        return ", ".join(parts)

    def _show(self) -> None:
        if self._bar:
            self._bar.update(self._task, description=self.line, completed=self._share or 0.0, total=1.0)
        elif self._clock() - self._shown >= LINE_SECONDS:
            self._shown = self._clock()
            self._console.print(self.line, soft_wrap=True, markup=False, highlight=False)
