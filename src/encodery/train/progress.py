"""What a person sees while a model trains: a live table on a terminal, a plain line every few seconds elsewhere.

The screen is drawn from the training thread, once a second at most, and from lines of text: half a millisecond each
time, where a table of rich's takes ten times that.
"""

import math
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

LINE_SECONDS = 5.0
DRAW_SECONDS = 1.0
SHOWN_EVALUATIONS = 5
ETA_UPDATES = 100
"""The pace is taken over this many updates: enough to be steady, few enough to forget a slow start."""

Metrics = Mapping[str, float | int]

_LABELS = {"tokens_per_second": "tokens/s", "peak_memory_bytes": "memory", "eta_seconds": "ETA"}
_BY_GROUP = {"/", " "}
"""In the names of figures by language or by direction of translation; a table has no room for them."""
_LAST = ("lr", "tokens_per_second", "eta_seconds", "peak_memory_bytes")


class Progress:
    """Shows the steps `start_step + 1 .. total_steps`; a context manager around the training loop.

    Metrics are shown by the names they come with, in the order they come; what is known of a name decides how its
    number is written (`lr`, `loss`, `*_seconds`, `*_per_second`, `*_bytes`).
    """

    def __init__(
        self,
        title: str,
        total_steps: int | None,
        console: Console,
        start_step: int = 0,
        clock: Callable[[], float] = time.monotonic,
        length: str = "",
    ) -> None:
        """`total_steps` is None where it is not known, as of a run that has a time; `length` is how a person is told
        how long the run is then."""
        self._title = title
        self._length = length or f"{total_steps:,} steps"
        self._total_steps = total_steps
        self._console = console
        self._clock = clock
        self._step = start_step
        self._values: Metrics = {}
        self._evaluations: deque[tuple[int, Metrics]] = deque(maxlen=SHOWN_EVALUATIONS)
        self._pace = deque([(start_step, clock())], maxlen=ETA_UPDATES)
        self._shown: tuple[int, float] | None = None
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(console=console, auto_refresh=False, redirect_stdout=False)

    def __enter__(self) -> "Progress":
        self._pace[0] = (self._step, self._clock())
        if self._live:
            self._live.start()
            self._draw()
        else:
            resumed = f", from step {self._step}" if self._step else ""
            self._print(f"{self._title}: {self._length}{resumed}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown and self._shown[0] != self._step:
            self._show()
        if self._live:
            self._live.stop()

    def update(self, step: int, values: Metrics, total_steps: int | None = None) -> None:
        """`step` (an optimizer step, counted from 1) is done; `values` are its metrics. Drawn when it is time to.

        `total_steps` is what is now known of the end, where it is only expected."""
        now = self._clock()
        self._total_steps = total_steps or self._total_steps
        self._pace.append((step, now))
        self._step, self._values = step, dict(values)
        interval = DRAW_SECONDS if self._live else LINE_SECONDS
        if self._shown is None or step == self._total_steps or now - self._shown[1] >= interval:
            self._show()

    def evaluation(self, step: int, values: Metrics, total_steps: int | None = None) -> None:
        """Metrics of an evaluation after `step`: a row beneath the table, or a line of their own; never skipped.
        `total_steps` as in `update`."""
        self._total_steps = total_steps or self._total_steps
        values = {name: value for name, value in values.items() if not _BY_GROUP & set(name)}  # for the log
        self._evaluations.append((step, values))
        if self._live:
            self._draw()
        else:
            self._print(f"evaluation at {self._line(step, values)}")

    def notice(self, text: str) -> None:
        """Something a person should know (a skipped step, a saved checkpoint), kept above the table."""
        self._print(text)

    def _show(self) -> None:
        self._shown = self._pace[-1]
        if self._live:
            self._draw()
        else:
            self._print(self._line(self._step, self._with_eta()))

    def _with_eta(self) -> Metrics:
        """The metrics of the last step and the time left, those that every run has at the end."""
        (first_step, first_time), (step, now) = self._pace[0], self._pace[-1]
        values = dict(self._values)
        if step > first_step and self._total_steps is not None:
            values["eta_seconds"] = (now - first_time) / (step - first_step) * (self._total_steps - step)
        last = {name: values.pop(name) for name in _LAST if name in values}
        return values | last

    def _line(self, step: int, values: Metrics) -> str:
        cells = [f"{_LABELS.get(name, name)} {format_value(name, value)}" for name, value in values.items()]
        return "  ".join([f"step {self._place(step)}", *cells])

    def _place(self, step: int) -> str:
        return str(step) if self._total_steps is None else f"{step}/{self._total_steps}"

    def _print(self, text: str) -> None:
        # soft_wrap: a log file has no width to wrap at; Text: brackets in a message are no markup
        self._console.print(Text(text), soft_wrap=True)

    def _draw(self) -> None:
        assert self._live is not None
        shown = [Text(self._title, style="bold"), self._table()]
        bar = [ProgressBar(total=self._total_steps, completed=self._step)] if self._total_steps else []
        self._live.update(Group(*shown, *bar), refresh=True)

    def _table(self) -> Text:
        """Names, the current step, the last evaluations: columns of text, wide names broken over lines."""
        values = self._with_eta()
        names = list(dict.fromkeys([*values, *(name for _, row in self._evaluations for name in row)]))
        rows = [(self._place(self._step), values), *((str(s), row) for s, row in self._evaluations)]
        cells = [[step, *(format_value(n, row[n]) if n in row else "" for n in names)] for step, row in rows]
        headers = [_LABELS.get(name, name).split("_") for name in ["step", *names]]
        columns = list(zip(headers, zip(*cells, strict=True), strict=True))
        widths = [max(len(text) for text in (*header, *column)) for header, column in columns]
        lines = [*zip_longest(*headers, fillvalue=""), *cells]
        text = Text(no_wrap=True, overflow="ellipsis")
        height = len(lines) - len(cells)
        for number, line in enumerate(lines):
            style = "dim" if number != height else ""
            text.append("   ".join(map(str.rjust, line, widths)) + "\n", style)
            if number == height and self._evaluations:
                text.append("evaluation\n", "bold")
        return text


def format_value(name: str, value: float | int) -> str:
    """A metric as a person reads it: `lr` 3.0e-04, `tokens_per_second` 9,812, `peak_memory_bytes` 812 MB."""
    if not math.isfinite(value):
        return str(value)
    if name == "lr":
        return f"{value:.1e}"
    if name.endswith("_bytes"):
        return f"{value / 1e6:,.0f} MB" if value < 10e9 else f"{value / 1e9:,.1f} GB"
    if name.endswith("_per_second"):
        return f"{value:,.0f}"
    if name.endswith("_seconds"):
        return format_duration(value)
    if name.endswith("loss"):
        return f"{value:.4f}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def format_duration(seconds: float | int) -> str:
    """45s, 1m 20s, 2h 05m, 3d 04h: two units are enough to wait by."""
    whole = round(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if days:
        return f"{days}d {hours % 24:02}h"
    if hours:
        return f"{hours}h {minutes % 60:02}m"
    if minutes:
        return f"{minutes}m {whole % 60:02}s"
    return f"{whole}s"


def peak_memory_bytes() -> int:
    """The most memory this process has held at once (resident set size), in bytes.

    Linux keeps two such numbers; the one of `getrusage` starts at the peak of the process that started this one, so
    it is taken only where there is no `/proc`.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak_memory() -> None:
    """Let `peak_memory_bytes` count from here on, where the system can: on Linux, but not in every container."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
