"""Scores as inline SVG: over several seeds the mean as a bar, the spread as a whisker, every seed as a dot; or one
score with its interval as the whisker."""

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
NAME_LENGTH = 28


@dataclass(frozen=True)
class Bar:
    """One row: a setting and its score under each seed. Values that are not finite are left out."""

    name: str
    values: Sequence[Number]
    interval: tuple[Number, Number] | None = None
    """Where the whisker reaches; one standard deviation to both sides if not given."""
    note: str = ""
    """Small print beside the numbers: how many examples."""

    @property
    def known(self) -> list[float]:
        """The values that can be drawn."""
        return [float(value) for value in self.values if math.isfinite(value)]

    @property
    def whisker(self) -> tuple[float, float] | None:
        """Its ends, if there is one."""
        if not self.known:
            return None
        if self.interval and all(map(math.isfinite, self.interval)):
            return float(self.interval[0]), float(self.interval[1])
        mean, spread = _mean(self.known), _spread(self.known)
        return (mean - spread, mean + spread) if spread else None


def bar_chart(
    bars: Sequence[Bar],
    title: str,
    value_label: str,
    reference_lines: Sequence[ReferenceLine] = (),
) -> str:
    """Horizontal bars from zero to the mean, as an SVG element.

    The whisker is the bar's interval, or one sample standard deviation to both sides; a single value has none.
    """
    reference_lines = [line for line in reference_lines if math.isfinite(line.value)]
    reach = [end for bar in bars for end in bar.whisker or ()]
    known = [value for bar in bars for value in bar.known]
    top = 50.0 + (20 if reference_lines else 0)
    bottom = top + ROW_HEIGHT * len(bars)
    content = heading(title)
    if known:
        low, high = rounded_span([0.0, *known, *reach, *(line.value for line in reference_lines)])
        x = Scale(low, high, 8, WIDTH - 14)
        content += _axis(x, top, bottom) + _references(reference_lines, x, top, bottom)
        for i, bar in enumerate(bars):
            content += _row(bar, x, top + ROW_HEIGHT * i)
    else:
        content += label("no data", WIDTH / 2, (top + bottom) / 2, "middle")
    content += label(value_label, WIDTH - 14, bottom + 38, "end")
    description = [f"Bar chart of {value_label}."]
    description += [f"{bar.name}: {_summary(bar)}." for bar in bars]
    description += [f"Reference {line.name}: {format_number(line.value)}." for line in reference_lines]
    return chart(title, " ".join(description), bottom + 46, content)


def _row(bar: Bar, x: Scale, top: float) -> str:
    """Name and numbers on one line, the bar beneath."""
    middle = top + 24 + BAR_HEIGHT / 2
    parts = [
        label(_short(bar.name), x.start, top + 17, style="fill:var(--text, #1b1f24)" + _HALO),
        label(_summary(bar), x.end, top + 17, "end", f"fill:{MUTED}{_HALO}"),
    ]
    values = bar.known
    if not values:
        return "".join(parts)
    zero, end = sorted((x(0), x(_mean(values))))
    fill = f"fill:{series_color(0)};opacity:.85"
    parts.append(
        tag("rect", x=zero, y=middle - BAR_HEIGHT / 2, width=end - zero, height=BAR_HEIGHT, rx=2, style=fill)
    )
    if bar.whisker:
        low, high = map(x, bar.whisker)
        path = f"M{low:.1f} {middle - 6:.1f}v12M{low:.1f} {middle:.1f}H{high:.1f}M{high:.1f} {middle - 6:.1f}v12"
        parts.append(tag("path", d=path, style="fill:none;stroke:var(--text, #1b1f24);stroke-width:1.5"))
    dot = f"fill:{SURFACE};stroke:var(--text, #1b1f24);stroke-width:1.2"
    parts += [tag("circle", cx=x(value), cy=middle, r=3, style=dot) for value in values if len(values) > 1]
    parts += [hover(f"{bar.name}: {format_number(value)}", x(value), middle) for value in values]
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


def _summary(bar: Bar) -> str:
    values = bar.known
    if not values:
        return "no data"
    note = f" ({bar.note})" if bar.note else ""
    if bar.interval and bar.whisker:
        low, high = bar.whisker
        return f"{_mean(values):.3f}, {low:.3f} to {high:.3f}{note}"
    if len(values) == 1:
        return format_number(values[0]) + note
    mean, spread = _mean(values), _spread(values)
    decimals = max(0, 1 - math.floor(math.log10(spread))) if spread else 4  # two digits of the spread
    return f"{mean:.{decimals}f} ± {spread:.{decimals}f} ({len(values)} seeds)"


def _short(name: str) -> str:
    """The start of a name that would run into the numbers."""
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _spread(values: Sequence[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0
