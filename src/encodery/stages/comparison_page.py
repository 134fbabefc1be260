"""The page of a comparison: one HTML file that needs nothing else."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from encodery import __version__
from encodery.report.bars import Bar, bar_chart
from encodery.report.curves import Series, line_chart
from encodery.report.page import Chart, Fact, RunReport, Section, render_report
from encodery.stages.comparison import Comparison
from encodery.stages.comparison_tables import TITLES, tables, values_table, verdict
from encodery.stages.figures import PRETRAINING, TASKS, Figure

LOSS = "_loss"
CURVES = {"eval": "on held-out text, as trained", "step": "in training"}
BARS = "Bars are means, dots are seeds, whiskers are 95 % intervals."
LINES = "Lines are means, bands reach from the lowest to the highest seed."
MOST_RESULTS = 6


def comparison_page(comparison: Comparison, title: str) -> str:
    """Tables, curves and bars of all schemes as one string of HTML."""
    page = RunReport(
        title=title,
        summary=[_summary(comparison), *comparison.notes],
        results=_results(comparison),
        sections=_sections(comparison),
        footer=f"Encodery {__version__}, Python {platform.python_version()}, {platform.platform()}",
    )
    return render_report(page)


def _summary(comparison: Comparison) -> str:
    return (
        f"{len(comparison.schemes)} schemes, {len(comparison.seeds)} seed(s) each, compared with {comparison.first}."
    )


def _results(comparison: Comparison) -> list[Fact]:
    """Of each task, how far every scheme is from the first; where there is no task, of the first figure of text."""
    figures = comparison.shown(TASKS) or comparison.shown(PRETRAINING)[:1]
    facts = []
    for figure in figures:
        for scheme, found in comparison.differences(figure).items():
            ends = f"{found.interval[0]:+.4f} to {found.interval[1]:+.4f}, " if found.interval else ""
            name = f"{figure.name}: {scheme} against {comparison.first}"
            facts.append(Fact(name, f"{found.mean:+.4f}", f"{ends}{verdict(figure, found)}"))
    return facts[:MOST_RESULTS]


def _sections(comparison: Comparison) -> list[Section]:
    """A section for each table, with what can be drawn of it."""
    bars = [Chart(_bars(comparison, figure), BARS) for figure in comparison.shown(TASKS)]
    charts = {TITLES[TASKS]: bars, TITLES[PRETRAINING]: _curves(comparison)}
    sections = []
    for table in (*tables(comparison), values_table(comparison)):
        heading, _, meaning = table.caption.removesuffix(")").partition(" (")
        sections.append(Section(heading, charts=charts.get(heading, ()), tables=[replace(table, caption=meaning)]))
    return sections


def _bars(comparison: Comparison, figure: Figure) -> str:
    bars = [
        Bar(name, figure.values[name], figure.estimate(name).interval)
        for name in comparison.names
        if name in figure.values
    ]
    return bar_chart(bars, figure.name, figure.name.rpartition(": ")[2])


def _curves(comparison: Comparison) -> list[Chart]:
    """The curves over tokens of every loss that a scheme's log has."""
    charts = []
    for metric in dict.fromkeys(name for one in comparison.outcomes for name in _losses(one.log)):
        for event, where in CURVES.items():
            curves = [_curve(comparison, name, event, metric) for name in comparison.names]
            if any(curve.x for curve in curves):  # those without points stay: a scheme has one colour on all charts
                title = f"{metric.replace('_', ' ')} {where}"
                charts.append(Chart(line_chart(curves, title, "tokens", "loss"), LINES))
    return charts


def _losses(log: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name for record in log for name in record if name.endswith(LOSS)]


def _curve(comparison: Comparison, scheme: str, event: str, metric: str) -> Series:
    """The mean over seeds at each step that all of them have logged."""
    logs = [one.log for one in comparison.outcomes if one.run.scheme.name == scheme]
    points = sorted(point for log in logs for point in curve_points(log, event, metric))
    xs, ys, band = [], [], []
    for _, group in groupby(points, key=lambda point: point[0]):
        at = list(group)
        if len(at) == len(logs):
            values = [value for _, _, value in at]
            xs.append(float(np.mean([tokens for _, tokens, _ in at])))
            ys.append(float(np.mean(values)))
            band.append((min(values), max(values)))
    return Series(scheme, xs, ys, band)


def curve_points(log: Sequence[Mapping[str, Any]], event: str, metric: str) -> list[tuple[int, float, float]]:
    """Step, tokens read so far and value; evaluations know their step only, so their tokens lie between those of the
    logged steps around them."""
    logged = [(record["step"], record["tokens"]) for record in log if record["event"] == "step"]
    steps, tokens = zip((0, 0), *logged, strict=True)
    found = [r for r in log if r["event"] == event and r.get(metric) is not None]
    return [(r["step"], float(np.interp(r["step"], steps, tokens)), float(r[metric])) for r in found]
