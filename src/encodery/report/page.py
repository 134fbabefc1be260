"""The report of a run: one HTML file that needs nothing else, made of sections that any stage can contribute.

The text of every field is escaped here; only charts are markup, and they come from this package. The page carries no
script and forbids itself to load anything.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files

from encodery.report.elements import clean, element
from encodery.report.heatmap import heatmap
from encodery.report.marks import Marked, marked_text
from encodery.report.samples import Measured, Samples, measured_element, samples_element
from encodery.tasks.judging import Matrix

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Fact:
    """A name, its value, and in small print what it is to be read against."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first cell names its row. Columns of numbers are set flush right."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """An SVG element as `line_chart` or `bar_chart` return it, and a line on how to read it."""

    svg: str
    caption: str = ""


@dataclass(frozen=True)
class Example:
    """One input and what the model made of it; `expected` where that is known, scores between 0 and 1."""

    text: str
    prediction: str
    expected: str | None = None
    scores: Mapping[str, float | int] = field(default_factory=dict)
    marked: Sequence[Marked] = ()
    """The text again, with what is said of its parts; shown in its place and that of the labels."""
    note: str = ""
    """Small print: where it comes from."""


@dataclass(frozen=True)
class Section:
    """A part of the report; whatever is empty leaves no trace."""

    heading: str
    paragraphs: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    examples: Sequence[Example] = ()
    matrices: Sequence[Matrix] = ()
    measured: Sequence[Measured] = ()
    samples: Sequence[Samples] = ()


@dataclass(frozen=True)
class RunReport:
    """Everything the page says. The first of `results` is set largest: the one number the run was for."""

    title: str
    summary: Sequence[str]
    results: Sequence[Fact] = ()
    sections: Sequence[Section] = ()
    recipe: str = ""
    """The recipe as it was run, TOML source."""
    footer: str = ""
    """Versions, hardware, date: one line."""


def render_report(run: RunReport) -> str:
    """The page as one string of HTML."""
    style = files("encodery.report").joinpath("page.css").read_text(encoding="utf-8")
    links = [(f"part-{i}", section.heading) for i, section in enumerate(run.sections, start=1)]
    if run.recipe:
        links.append(("recipe", "Recipe"))
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"{element('title', run.title)}\n<style>\n{style}</style>\n</head>\n<body>",
        f"<header>{element('h1', run.title)}{_each('p', run.summary)}{_facts(run.results, 'results')}</header>",
        _navigation(links) if len(links) > 1 else "",
        "<main>",
        *(_section(section, name) for section, (name, _) in zip(run.sections, links, strict=False)),
        _recipe(run.recipe) if run.recipe else "",
        "</main>",
        element("footer", run.footer) if run.footer else "",
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _section(section: Section, name: str) -> str:
    charts = "".join(
        f"<figure>{chart.svg}{element('figcaption', chart.caption) if chart.caption else ''}</figure>"
        for chart in section.charts
    )
    examples = "".join(map(_example, section.examples))
    parts = [
        f'<section id="{name}">',
        element("h2", section.heading),
        _each("p", section.paragraphs),
        _facts(section.facts, "facts"),
        f'<div class="charts">{charts}</div>' if charts else "",
        *map(_table, section.tables),
        *map(heatmap, section.matrices),
        f'<ul class="examples">{examples}</ul>' if examples else "",
        measured_element(section.measured),
        *map(samples_element, section.samples),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _navigation(links: Sequence[tuple[str, str]]) -> str:
    return f'<nav aria-label="Sections">{"".join(element("a", text, href=f"#{name}") for name, text in links)}</nav>'


def _recipe(source: str) -> str:
    code = f'<pre tabindex="0">{element("code", source)}</pre>'
    return f'<section id="recipe"><details><summary>Recipe</summary>{code}</details></section>'


def _facts(facts: Sequence[Fact], kind: str) -> str:
    """Names and values; one group per fact, so that a wrapped line keeps them together."""
    if not facts:
        return ""
    groups = []
    for fact in facts:
        note = element("span", fact.note, **{"class": "note"}) if fact.note else ""
        value = element("span", fact.value, **{"class": "value"})
        groups.append(f"<div>{element('dt', fact.label)}<dd>{value} {note}</dd></div>")
    return f'<dl class="{kind}">{"".join(groups)}</dl>'


def _table(table: Table) -> str:
    """A table that scrolls sideways where the screen is narrower, reachable by keyboard."""
    numeric = [all(_is_number(row[i]) for row in table.rows) for i in range(len(table.header))]
    kinds = [{"class": "number"} if is_number and i else {} for i, is_number in enumerate(numeric)]
    header = "".join(element("th", text, scope="col", **kind) for text, kind in zip(table.header, kinds, strict=True))
    body = []
    for row in table.rows:
        first, *rest = row
        cells = (element("td", text, **kind) for text, kind in zip(rest, kinds[1:], strict=True))
        body.append(f"<tr>{element('th', first, scope='row')}{''.join(cells)}</tr>")
    caption = element("caption", table.caption)
    head = f"<thead><tr>{header}</tr></thead>"
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{clean(table.caption)}">'
        f"<table>{caption}{head}<tbody>{''.join(body)}</tbody></table></div>"
    )


def _is_number(text: str) -> bool:
    """Whether a cell starts as a number does; an empty cell or a dash takes no side."""
    return re.match(r"[-+−±<>]?\s*\d|[-–—]?$", text.strip()) is not None


def _example(example: Example) -> str:
    predicted = f"predicted {element('strong', example.prediction)}"
    if example.marked:
        right = example.expected == example.prediction
        kind, word = ("correct", "✓ correct") if right else ("wrong", "✗ wrong")
        verdict = f'<span class="mark">{word}</span>'
    elif example.expected is None:
        kind, verdict = "", predicted
    elif example.expected == example.prediction:
        kind, verdict = "correct", f'<span class="mark">✓ correct</span> · {predicted}'
    else:
        expected = f"expected {element('strong', example.expected)}"
        kind, verdict = "wrong", f'<span class="mark">✗ wrong</span> · {predicted}, {expected}'
    text = "".join(map(marked_text, example.marked)) or element("p", example.text, dir="auto")
    scores = "".join(_score(name, score) for name, score in example.scores.items())
    listed = f'<dl class="scores">{scores}</dl>' if scores else ""
    note = element("div", example.note, **{"class": "note"}) if example.note else ""
    return f'<li class="{kind}">{text}<div class="verdict">{verdict}</div>{listed}{note}</li>'


def _score(name: str, score: float | int) -> str:
    percent = 100 * min(max(score, 0.0), 1.0)
    bar = f'<span class="bar" aria-hidden="true"><span style="width:{percent:.1f}%"></span></span>'
    return f'{element("dt", name)}<dd>{bar}<span class="value">{score:.3f}</span></dd>'


def _each(name: str, texts: Iterable[str]) -> str:
    return "".join(element(name, text) for text in texts)
