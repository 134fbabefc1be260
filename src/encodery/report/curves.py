"""Curves over training as inline SVG: what falls, what rises, and against which line it counts."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from encodery.report.axes import (
    Number,
    ReferenceLine,
    Scale,
    format_number,
    format_ticks,
    log_ticks,
    rounded_span,
    span,
    ticks,
)
from encodery.report.svg import GRID, MUTED, SURFACE, WIDTH, chart, heading, hover, label, series_color, tag

PLOT_HEIGHT = 200
MAX_POINTS = 160
"""A longer series is drawn as the mean and the range of this many intervals."""
MAX_DOTS = 30
MAX_HOVERS = 80


@dataclass(frozen=True)
class Series:
    """One curve. A value that is not finite (or not positive, on a logarithmic axis) leaves a gap."""

    name: str
    x: Sequence[Number]
    y: Sequence[Number]
    band: Sequence[tuple[Number, Number]] | None = None
    """From where to where each value ranges (over several seeds, say); the value itself if not given."""


@dataclass(frozen=True)
class _Point:
    """A point of a curve in data units: the mean and range of the values drawn as one."""

    x: float
    y: float
    low: float
    high: float


def line_chart(
    series: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    reference_lines: Sequence[ReferenceLine] = (),
    log_x: bool = False,
) -> str:
    """Curves over a common axis, as an SVG element: axes, a legend if there are several, values on hover.

    Series of more than `MAX_POINTS` values are drawn as the mean over short intervals inside a band that reaches from
    the smallest to the largest value of each interval.
    """
    reference_lines = [line for line in reference_lines if math.isfinite(line.value)]
    curves = [_points(one, log_x) for one in series]
    drawn = [point for curve in curves for point in curve if point]
    legend, legend_bottom = _legend([one.name for one in series]) if len(series) > 1 else ("", 44.0)
    top, bottom = legend_bottom + 6, legend_bottom + 6 + PLOT_HEIGHT
    content = heading(title, y_label) + legend
    if drawn:
        levels = [line.value for line in reference_lines]
        y_low, y_high = rounded_span([*(p.low for p in drawn), *(p.high for p in drawn), *levels])
        y_scale = Scale(y_low, y_high, bottom, top)
        y_ticks = ticks(y_low, y_high)
        left = 12 + 8.5 * max(map(len, format_ticks(y_ticks)))
        x_scale = Scale(*span([p.x for p in drawn], log_x), left, WIDTH - 14, log_x)
        content += _axes(x_scale, y_scale, y_ticks, all(float(x).is_integer() for one in series for x in one.x))
        content += "".join(
            _curve(one.name, curve, x_scale, y_scale, series_color(i), x_label)
            for i, (one, curve) in enumerate(zip(series, curves, strict=True))
        )
        content += _references(reference_lines, x_scale, y_scale)
    else:
        content += label("no data", WIDTH / 2, (top + bottom) / 2, "middle")
    content += label(x_label, WIDTH - 14, bottom + 38, "end")
    return chart(title, _describe(series, curves, x_label, y_label, reference_lines), bottom + 46, content)


def _points(series: Series, log_x: bool) -> list[_Point | None]:
    """The curve as it is drawn, a gap as None: every value of a short series, intervals of a long one."""
    band = series.band or [(y, y) for y in series.y]
    points = [
        _Point(float(x), float(y), float(low), float(high))
        for x, y, (low, high) in zip(series.x, series.y, band, strict=True)
        if math.isfinite(x) and (x > 0 or not log_x)
    ]
    if len(points) <= MAX_POINTS:
        groups = [[point] for point in points]
    else:
        place = Scale(*span([point.x for point in points], log_x), 0, MAX_POINTS, log_x)
        intervals: dict[int, list[_Point]] = {}
        for point in points:
            intervals.setdefault(min(int(place(point.x)), MAX_POINTS - 1), []).append(point)
        groups = list(intervals.values())
    return [_mean([point for point in group if math.isfinite(point.y)]) for group in groups]


def _mean(points: Sequence[_Point]) -> _Point | None:
    if not points:
        return None
    x, y = (math.fsum(values) / len(points) for values in zip(*((p.x, p.y) for p in points), strict=True))
    return _Point(x, y, min(point.low for point in points), max(point.high for point in points))


def _axes(x_scale: Scale, y_scale: Scale, y_ticks: list[float], whole_x: bool) -> str:
    """Horizontal grid lines and the tick labels of both axes; steps and epochs have no halves."""
    parts = []
    for value, text in zip(y_ticks, format_ticks(y_ticks), strict=True):
        y = y_scale(value)
        line = tag("line", x1=x_scale.start, x2=x_scale.end, y1=y, y2=y, style=f"stroke:{GRID}")
        parts += [line, label(text, x_scale.start - 8, y + 4, "end")]
    if x_scale.log:
        x_ticks = log_ticks(x_scale.low, x_scale.high)
        texts = [format_ticks([value])[0] for value in x_ticks]
    else:
        x_ticks = ticks(x_scale.low, x_scale.high, whole=whole_x)
        texts = format_ticks(x_ticks)
    bottom = y_scale.start
    for value, text in zip(x_ticks, texts, strict=True):
        x = x_scale(value)
        parts.append(tag("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, style=f"stroke:{MUTED}"))
        parts.append(label(text, x, bottom + 19, "middle"))
    return "".join(parts)


def _curve(name: str, curve: Sequence[_Point | None], x: Scale, y: Scale, color: str, x_label: str) -> str:
    """The band, the line, dots where there is room for them, and what the pointer reads."""
    parts = []
    points = [point for point in curve if point]
    for run in _runs(curve):
        if any(point.high > point.low for point in run):
            edge = [(p.x, p.high) for p in run] + [(p.x, p.low) for p in reversed(run)]
            parts.append(tag("path", d=_path(edge, x, y) + "Z", style=f"fill:{color};opacity:.16"))
        if len(run) > 1:
            style = f"fill:none;stroke:{color};stroke-width:2;stroke-linejoin:round;stroke-linecap:round"
            parts.append(tag("path", d=_path([(p.x, p.y) for p in run], x, y), style=style))
        if len(run) == 1 or len(points) <= MAX_DOTS:
            parts += [tag("circle", cx=x(p.x), cy=y(p.y), r=3, style=f"fill:{color}") for p in run]
    for point in points[:: math.ceil(len(points) / MAX_HOVERS) or 1]:
        where = f"{name}: {format_number(point.y)} at {x_label} {format_number(round(point.x, 6))}"
        parts.append(hover(where, x(point.x), y(point.y)))
    return "".join(parts)


def _runs(curve: Sequence[_Point | None]) -> Iterator[list[_Point]]:
    """The stretches of a curve between its gaps."""
    run: list[_Point] = []
    for point in [*curve, None]:
        if point:
            run.append(point)
        elif run:
            yield run
            run = []


def _path(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return "M" + "L".join(f"{x(px):.1f} {y(py):.1f}" for px, py in points)


def _references(lines: Sequence[ReferenceLine], x: Scale, y: Scale) -> str:
    """Dashed levels; their names sit above them at the right, moved apart where they would overlap."""
    dashes = f"stroke:{MUTED};stroke-width:1.5;stroke-dasharray:5 4"
    halo = f"fill:{MUTED};stroke:{SURFACE};stroke-width:4;paint-order:stroke;stroke-linejoin:round"
    levels, names = [], []
    above = math.inf
    for line in sorted(lines, key=lambda line: line.value):
        level = y(line.value)
        above = min(level - 5, above - 16)
        levels.append(tag("line", x1=x.start, x2=x.end, y1=level, y2=level, style=dashes))
        names.append(label(f"{line.name} {format_number(line.value)}", x.end, above, "end", halo))
    return "".join([*levels, *names])


def _legend(names: Sequence[str]) -> tuple[str, float]:
    """Line samples with names, in rows; also where the rows end."""
    parts, x, y = [], 0.0, 58.0
    for i, name in enumerate(names):
        width = 44 + 8.2 * len(name)
        if x and x + width > WIDTH:
            x, y = 0.0, y + 20
        color = f"stroke:{series_color(i)};stroke-width:3;stroke-linecap:round"
        parts.append(tag("line", x1=x + 2, x2=x + 20, y1=y - 4, y2=y - 4, style=color))
        parts.append(label(name, x + 28, y))
        x += width
    return "".join(parts), y + 10


def _describe(
    series: Sequence[Series],
    curves: Sequence[Sequence[_Point | None]],
    x_label: str,
    y_label: str,
    reference_lines: Sequence[ReferenceLine],
) -> str:
    """What the drawing shows, in sentences: for each curve its first, last, lowest and highest value."""
    sentences = [f"Line chart of {y_label} over {x_label}."]
    for one, curve in zip(series, curves, strict=True):
        ys = [value for value in one.y if math.isfinite(value)]
        if not any(curve) or not ys:
            sentences.append(f"{one.name}: no data.")
            continue
        first, last, low, high = map(format_number, (ys[0], ys[-1], min(ys), max(ys)))
        sentences.append(f"{one.name}: {len(ys):,} values from {first} to {last}, lowest {low}, highest {high}.")
    sentences += [f"Reference {line.name}: {format_number(line.value)}." for line in reference_lines]
    return " ".join(sentences)
