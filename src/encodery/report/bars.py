"""Scores over several seeds as inline SVG: the mean as a bar, the spread as a whisker, every seed as a dot."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from encodery.report.axes import Number, ReferenceLine, Scale, format_number, format_ticks, rounded_span, ticks
from encodery.report.svg import (
    GRID,
    MUTED,
    SURFACE,
    WIDTH,
    chart,
    heading,
    hover,
    label,
    series_color,
    tag,
)

ROW_HEIGHT = 50
BAR_HEIGHT = 16


@dataclass(frozen=True)
class Bar:
    """One row: a setting and its score under each seed. Values that are not finite are left out."""

    name: str
    values: Sequence[Number]


def bar_chart(
    bars: Sequence[Bar],
    title: str,
    value_label: str,
    reference_lines: Sequence[ReferenceLine] = (),
) -> str:
    """Horizontal bars from zero to the mean, as an SVG element.

    The whisker reaches one sample standard deviation to both sides; a single value has none.
    """
    reference_lines = [line for line in reference_lines if math.isfinite(line.value)]
    scores = [[float(value) for value in bar.values if math.isfinite(value)] for bar in bars]
    reach = [_mean(values) + sign * _spread(values) for values in scores if values for sign in (-1, 1)]
    known = [value for values in scores for value in values]
    top = 50.0 + (20 if reference_lines else 0)
    bottom = top + ROW_HEIGHT * len(bars)
    content = heading(title)
    if known:
        low, high = rounded_span([0.0, *known, *reach, *(line.value for line in reference_lines)])
        x = Scale(low, high, 8, WIDTH - 14)
        content += _axis(x, top, bottom) + _references(reference_lines, x, top, bottom)
        for i, (bar, values) in enumerate(zip(bars, scores, strict=True)):
            content += _row(bar.name, values, x, top + ROW_HEIGHT * i)
    else:
        content += label("no data", WIDTH / 2, (top + bottom) / 2, "middle")
    content += label(value_label, WIDTH - 14, bottom + 38, "end")
    description = [f"Bar chart of {value_label}."]
    description += [f"{bar.name}: {_summary(values)}." for bar, values in zip(bars, scores, strict=True)]
    description += [f"Reference {line.name}: {format_number(line.value)}." for line in reference_lines]
    return chart(title, " ".join(description), bottom + 46, content)


def _row(name: str, values: Sequence[float], x: Scale, top: float) -> str:
    """Name and numbers on one line, the bar beneath."""
    middle = top + 24 + BAR_HEIGHT / 2
    parts = [
        label(name, x.start, top + 17, style="fill:var(--text, #1b1f24)" + _HALO),
        label(_summary(values), x.end, top + 17, "end", f"fill:{MUTED}{_HALO}"),
    ]
    if not values:
        return "".join(parts)
    mean, spread = _mean(values), _spread(values)
    zero, end = sorted((x(0), x(mean)))
    fill = f"fill:{series_color(0)};opacity:.85"
    parts.append(
        tag("rect", x=zero, y=middle - BAR_HEIGHT / 2, width=end - zero, height=BAR_HEIGHT, rx=2, style=fill)
    )
    if spread:
        low, high = x(mean - spread), x(mean + spread)
        path = f"M{low:.1f} {middle - 6:.1f}v12M{low:.1f} {middle:.1f}H{high:.1f}M{high:.1f} {middle - 6:.1f}v12"
        parts.append(tag("path", d=path, style="fill:none;stroke:var(--text, #1b1f24);stroke-width:1.5"))
    dot = f"fill:{SURFACE};stroke:var(--text, #1b1f24);stroke-width:1.2"
    parts += [tag("circle", cx=x(value), cy=middle, r=3, style=dot) for value in values if len(values) > 1]
    parts += [hover(f"{name}: {format_number(value)}", x(value), middle) for value in values]
    return "".join(parts)


_HALO = f";stroke:{SURFACE};stroke-width:4;paint-order:stroke;stroke-linejoin:round"


def _axis(x: Scale, top: float, bottom: float) -> str:
    values = ticks(x.low, x.high)
    parts = []
    for value, text in zip(values, format_ticks(values), strict=True):
        at = x(value)
        parts.append(tag("line", x1=at, x2=at, y1=top, y2=bottom, style=f"stroke:{GRID}"))
        parts.append(label(text, at, bottom + 19, "middle"))
    return "".join(parts)


def _references(lines: Sequence[ReferenceLine], x: Scale, top: float, bottom: float) -> str:
    """Dashed levels named above the bars, on the side of the line that has more room."""
    parts = []
    for line in lines:
        at = x(line.value)
        dashes = f"stroke:{MUTED};stroke-width:1.5;stroke-dasharray:5 4"
        parts.append(tag("line", x1=at, x2=at, y1=top - 4, y2=bottom, style=dashes))
        anchor = "start" if at < WIDTH / 2 else "end"
        parts.append(label(f"{line.name} {format_number(line.value)}", at, top - 9, anchor))
    return "".join(parts)


def _summary(values: Sequence[float]) -> str:
    if not values:
        return "no data"
    if len(values) == 1:
        return format_number(values[0])
    mean, spread = _mean(values), _spread(values)
    decimals = max(0, 1 - math.floor(math.log10(spread))) if spread else 4  # two digits of the spread
    return f"{mean:.{decimals}f} ± {spread:.{decimals}f} ({len(values)} seeds)"


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0
