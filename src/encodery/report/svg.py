"""The few SVG elements the charts are made of, as text.

Colours are the page's CSS variables with a light fallback, so that a chart follows the page into the dark and can
still be saved as a file of its own. Everything written into an element is escaped here and nowhere else.
"""

import re
from html import escape

from encodery.report.axes import Number

WIDTH = 480
SERIES_COLORS = ("#2563c9", "#b4500a", "#0f7a5c", "#a2348a", "#6b5bd2", "#8a6d00")
MUTED = "var(--muted, #5f6672)"
GRID = "var(--grid, #e3e6ea)"
SURFACE = "var(--surface, #ffffff)"

# what XML 1.0 cannot hold at all, escaped or not
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def series_color(index: int) -> str:
    """The colour of the series at `index`; they repeat after six."""
    index %= len(SERIES_COLORS)
    return f"var(--series-{index + 1}, {SERIES_COLORS[index]})"


def plain(text: str) -> str:
    """Text as XML and HTML can hold it, special characters escaped."""
    return escape(_FORBIDDEN.sub("\ufffd", text))


def tag(name: str, content: str = "", **attributes: str | Number) -> str:
    """One element around `content` (markup). `stroke_width=2` becomes `stroke-width="2"`; floats get one decimal."""
    written = "".join(f' {key.replace("_", "-")}="{_attribute(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def label(text: str, x: Number, y: Number, anchor: str = "start", style: str = f"fill:{MUTED}") -> str:
    """A line of text at the baseline `y`, written in quiet grey unless the style says otherwise."""
    return tag("text", plain(text), x=x, y=y, text_anchor=anchor, style=style)


def heading(title: str, y_label: str = "") -> str:
    """The title of a chart and, beneath it, what its vertical axis shows."""
    bold = "fill:var(--text, #1b1f24);font-weight:600;font-size:1.1em"
    return label(title, 0, 16, style=bold) + (label(y_label, 0, 36) if y_label else "")


def hover(text: str, x: Number, y: Number) -> str:
    """An invisible disc that names a point when the pointer rests on it."""
    return tag("circle", tag("title", plain(text)), cx=x, cy=y, r=6, fill="transparent")


def chart(title: str, description: str, height: Number, content: str) -> str:
    """The whole drawing: as wide as its place allows, named and described for those who do not see it."""
    return tag(
        "svg",
        tag("title", plain(title)) + tag("desc", plain(description)) + content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height:.0f}",
        role="img",
        aria_label=title,
        font_family="system-ui, sans-serif",
        font_size=13,
    )


def _attribute(value: str | Number) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return plain(str(value))
