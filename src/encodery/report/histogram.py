"""How a measure is spread, as inline SVG: a histogram with its thresholds as dashed lines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from encodery.corpus.spread import BINS_PER_OCTAVE, Spread, bin_edges, bin_of
from encodery.report.axes import Scale, format_number, format_ticks, log_ticks, ticks
from encodery.report.svg import GRID, MUTED, WIDTH, chart, heading, hover, label, plain, series_color, tag

BARS = 64
"""There are at most about so many."""
HEIGHT, TOP = 130.0, 50.0
_WIDE = 50.0
"""Values whose largest is so many times the smallest are shown by their logarithm."""


@dataclass(frozen=True)
class Column:
    """How many values lie in [low, high); columns do not overlap."""

    low: float
    high: float
    count: int


def histogram(spread: Spread, title: str, value_label: str) -> str:
    """The spread as an SVG element. Spreads over more than a factor of 50 have a logarithmic axis, on which zero and
    what is below it is left to the description; there the area of a column is its share of the values."""
    log = is_wide(spread)
    columns = columns_of(spread, log)
    thresholds = sorted(spread.edges)
    middle = format_number(spread.quantile(0.5))
    description = [f"Histogram of {value_label}: {spread.count:,} values, half of them below {middle}."]
    description += [f"Threshold {format_number(t)}: {_sides(spread, t)}." for t in thresholds]
    marks = 16 * min(len(thresholds), 3)
    top, bottom = TOP + marks, TOP + marks + HEIGHT
    content = heading(title)
    if columns:
        ends = [columns[0].low, columns[-1].high, *(t for t in thresholds if t > 0 or not log)]
        if is_share(spread):
            ends += [0.0, 1.0]
        x = Scale(min(ends), max(ends), 4, WIDTH - 10, log)
        content += _axis(x, top, bottom) + _columns(columns, x, top, bottom) + _lines(thresholds, x, top, bottom)
    else:
        content += label("no data", WIDTH / 2, (top + bottom) / 2, "middle")
    content += label(value_label, WIDTH - 10, bottom + 38, "end")
    return chart(title, " ".join(description), bottom + 46, content)


def is_wide(spread: Spread) -> bool:
    """Whether only a logarithm shows where the values lie: most are above zero, and they differ by much."""
    positive = sorted(index for index in spread.bins if index > 0)
    if not positive or min(spread.bins) < 0:
        return False
    low, high = bin_edges(positive[0])[0], bin_edges(positive[-1])[1]
    return high > 2.0 and high > _WIDE * low and 2 * sum(spread.bins[i] for i in positive) > spread.count


def is_share(spread: Spread) -> bool:
    """Whether values reach from about nothing to about all: then the axis does, so that charts are comparable."""
    return bool(spread.bins) and min(spread.bins) >= 0 and bin_of(0.5) <= max(spread.bins) <= bin_of(1.0)


def columns_of(spread: Spread, log: bool) -> list[Column]:
    """The bins put together to at most `BARS` columns and a few more; bins end where columns do."""
    if not spread.bins:
        return []
    return _by_octave(spread) if log else _by_width(spread)


def _by_octave(spread: Spread) -> list[Column]:
    positive = [index for index in spread.bins if index > 0]
    together = 1
    while (max(positive) - min(positive)) // together >= BARS and together < BINS_PER_OCTAVE:
        together *= 2
    sums: dict[int, int] = {}
    for index in positive:
        first = index // together * together
        sums[first] = sums.get(first, 0) + spread.bins[index]
    return [Column(bin_edges(first)[0], bin_edges(first + together)[0], sums[first]) for first in sorted(sums)]


def _by_width(spread: Spread) -> list[Column]:
    """Columns of one width, a power of two that the widest bin fits into."""
    reach = max(max(map(abs, bin_edges(index))) for index in spread.bins) or 1.0
    reach = min(max(reach, 2.0**-900), 2.0**1000)
    width = 2.0 ** (math.frexp(reach)[1] - int(math.log2(BARS)))
    sums: dict[int, int] = {}
    for index, count in spread.bins.items():
        at = math.floor(bin_edges(index)[0] / width)
        sums[at] = sums.get(at, 0) + count
    return [Column(at * width, (at + 1) * width, sums[at]) for at in sorted(sums)]


def _columns(columns: Sequence[Column], x: Scale, top: float, bottom: float) -> str:
    """The area is the count: columns of different width on paper are comparable."""
    widths = [x(column.high) - x(column.low) for column in columns]
    heights = [column.count / width for column, width in zip(columns, widths, strict=True)]
    y = Scale(0, max(heights), bottom, top)
    parts = []
    for column, width, height in zip(columns, widths, heights, strict=True):
        said = f"{format_number(column.low)} to {format_number(column.high)}: {column.count:,}"
        at = min(y(height), bottom - 1)
        bar = {"x": x(column.low), "y": at, "width": max(width - 0.5, 0.5), "height": bottom - at}
        style = f"fill:{series_color(0)};opacity:.75"
        parts.append(tag("rect", tag("title", plain(said)), **bar, style=style))
    return "".join(parts)


def _axis(x: Scale, top: float, bottom: float) -> str:
    values = log_ticks(x.low, x.high) if x.log else ticks(x.low, x.high)
    parts = [tag("line", x1=x.start, x2=x.end, y1=bottom, y2=bottom, style=f"stroke:{MUTED}")]
    written = [format_number(value) for value in values] if x.log else format_ticks(values)
    for value, text in zip(values, written, strict=True):
        at = x(value)
        parts.append(tag("line", x1=at, x2=at, y1=top, y2=bottom, style=f"stroke:{GRID}"))
        parts.append(label(text, at, bottom + 19, "middle"))
    return "".join(parts)


def _lines(thresholds: Sequence[float], x: Scale, top: float, bottom: float) -> str:
    """Dashed lines, named above the columns on lines of their own, on the side that has more room."""
    parts = []
    for number, value in enumerate(thresholds):
        if x.log and value <= 0:
            continue
        at, y = x(value), top - 6 - 16 * (number % 3)
        dashes = "stroke:var(--bad, #b3261e);stroke-width:1.5;stroke-dasharray:5 4"
        parts.append(tag("line", x1=at, x2=at, y1=y - 10, y2=bottom, style=dashes))
        left = at < WIDTH / 2
        parts.append(label(format_number(value), at + (5 if left else -5), y, "start" if left else "end"))
        parts.append(hover(f"threshold {format_number(value)}", at, y))
    return "".join(parts)


def _sides(spread: Spread, threshold: float) -> str:
    below, above = spread.edges[threshold]
    return f"{below.count:,} values below, {above.count:,} from it on"
