"""Amounts as inline SVG, one a line: what is left behind each step, how much there is of each language."""

from collections.abc import Sequence
from dataclasses import dataclass

from encodery.report.axes import Number
from encodery.report.svg import GRID, MUTED, WIDTH, chart, heading, label, plain, series_color, tag

ROW_HEIGHT = 26
BAR_HEIGHT = 14
NAME_WIDTH = 112
NOTE_WIDTH = 122
NAME_LENGTH = 16


@dataclass(frozen=True)
class Row:
    """A name, its amount, and what is written behind its bar."""

    name: str
    value: Number
    note: str = ""
    before: Number | None = None
    """What it was before; drawn behind the bar, so that what is lost shows."""


def row_chart(rows: Sequence[Row], title: str, value_label: str) -> str:
    """Thin horizontal bars from zero, as an SVG element: names to the left, notes to the right."""
    start, end = NAME_WIDTH, WIDTH - NOTE_WIDTH
    largest = max((max(row.value, row.before or 0) for row in rows), default=0)
    scale = (end - start) / largest if largest else 0.0
    content = heading(title, value_label)
    top = 50.0
    for number, row in enumerate(rows):
        content += _row(row, top + ROW_HEIGHT * number, scale)
    if not rows:
        content += label("no data", WIDTH / 2, top + BAR_HEIGHT, "middle")
    parts = [f"{row.name}: {row.note or format(row.value, ',')}." for row in rows]
    return chart(title, " ".join([f"{value_label}.", *parts]), top + ROW_HEIGHT * max(1, len(rows)) + 4, content)


def _row(row: Row, top: float, scale: float) -> str:
    base = top + BAR_HEIGHT - 2
    parts = [label(_short(row.name), 0, base, style="fill:var(--text, #1b1f24)")]
    if row.before is not None:
        parts.append(_bar(top, row.before * scale, f"fill:{GRID}"))
    drawn = max(row.value * scale, 1.0) if row.value else 0.0  # what there is can be seen, however little
    parts.append(_bar(top, drawn, f"fill:{series_color(0)};opacity:.85"))
    parts.append(label(row.note, WIDTH, base, "end", f"fill:{MUTED}"))
    return tag("g", tag("title", plain(f"{row.name}: {row.note}")) + "".join(parts))


def _bar(top: float, width: float, style: str) -> str:
    return tag("rect", x=NAME_WIDTH, y=top, width=width, height=BAR_HEIGHT, rx=2, style=style)


def _short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
