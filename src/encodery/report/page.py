"""The report of a run: one HTML file that needs nothing else, made of sections that any stage can contribute.

The text of every field is escaped here; only charts are markup, and they come from this package. The page carries no
script and forbids itself to load anything.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files

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


@dataclass(frozen=True)
class Section:
    """A part of the report; whatever is empty leaves no trace."""

    heading: str
    paragraphs: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    examples: Sequence[Example] = ()


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
        f"{_tag('title', run.title)}\n<style>\n{style}</style>\n</head>\n<body>",
        f"<header>{_tag('h1', run.title)}{_each('p', run.summary)}{_facts(run.results, 'results')}</header>",
        _navigation(links) if len(links) > 1 else "",
        "<main>",
        *(_section(section, name) for section, (name, _) in zip(run.sections, links, strict=False)),
        _recipe(run.recipe) if run.recipe else "",
        "</main>",
        _tag("footer", run.footer) if run.footer else "",
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _section(section: Section, name: str) -> str:
    charts = "".join(
        f"<figure>{chart.svg}{_tag('figcaption', chart.caption) if chart.caption else ''}</figure>"
        for chart in section.charts
    )
    examples = "".join(map(_example, section.examples))
    parts = [
        f'<section id="{name}">',
        _tag("h2", section.heading),
        _each("p", section.paragraphs),
        _facts(section.facts, "facts"),
        f'<div class="charts">{charts}</div>' if charts else "",
        *map(_table, section.tables),
        f'<ul class="examples">{examples}</ul>' if examples else "",
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _navigation(links: Sequence[tuple[str, str]]) -> str:
    return f'<nav aria-label="Sections">{"".join(_tag("a", text, href=f"#{name}") for name, text in links)}</nav>'


def _recipe(source: str) -> str:
    code = f'<pre tabindex="0">{_tag("code", source)}</pre>'
    return f'<section id="recipe"><details><summary>Recipe</summary>{code}</details></section>'


def _facts(facts: Sequence[Fact], kind: str) -> str:
    """Names and values; one group per fact, so that a wrapped line keeps them together."""
    if not facts:
        return ""
    groups = []
    for fact in facts:
        note = _tag("span", fact.note, **{"class": "note"}) if fact.note else ""
        value = _tag("span", fact.value, **{"class": "value"})
        groups.append(f"<div>{_tag('dt', fact.label)}<dd>{value} {note}</dd></div>")
    return f'<dl class="{kind}">{"".join(groups)}</dl>'


def _table(table: Table) -> str:
    """A table that scrolls sideways where the screen is narrower, reachable by keyboard."""
    numeric = [all(_is_number(row[i]) for row in table.rows) for i in range(len(table.header))]
    kinds = [{"class": "number"} if is_number and i else {} for i, is_number in enumerate(numeric)]
    header = "".join(_tag("th", text, scope="col", **kind) for text, kind in zip(table.header, kinds, strict=True))
    body = []
    for row in table.rows:
        first, *rest = row
        cells = (_tag("td", text, **kind) for text, kind in zip(rest, kinds[1:], strict=True))
        body.append(f"<tr>{_tag('th', first, scope='row')}{''.join(cells)}</tr>")
    caption = _tag("caption", table.caption)
    head = f"<thead><tr>{header}</tr></thead>"
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_clean(table.caption)}">'
        f"<table>{caption}{head}<tbody>{''.join(body)}</tbody></table></div>"
    )


def _is_number(text: str) -> bool:
    """Whether a cell starts as a number does; an empty cell or a dash takes no side."""
    return re.match(r"[-+−±<>]?\s*\d|[-–—]?$", text.strip()) is not None


def _example(example: Example) -> str:
    predicted = f"predicted {_tag('strong', example.prediction)}"
    if example.expected is None:
        kind, verdict = "", predicted
    elif example.expected == example.prediction:
        kind, verdict = "correct", f'<span class="mark">✓ correct</span> · {predicted}'
    else:
        expected = f"expected {_tag('strong', example.expected)}"
        kind, verdict = "wrong", f'<span class="mark">✗ wrong</span> · {predicted}, {expected}'
    text = _tag("p", example.text, dir="auto")
    scores = "".join(_score(name, score) for name, score in example.scores.items())
    listed = f'<dl class="scores">{scores}</dl>' if scores else ""
    return f'<li class="{kind}">{text}<div class="verdict">{verdict}</div>{listed}</li>'


def _score(name: str, score: float | int) -> str:
    percent = 100 * min(max(score, 0.0), 1.0)
    bar = f'<span class="bar" aria-hidden="true"><span style="width:{percent:.1f}%"></span></span>'
    return f'{_tag("dt", name)}<dd>{bar}<span class="value">{score:.3f}</span></dd>'


def _each(name: str, texts: Iterable[str]) -> str:
    return "".join(_tag(name, text) for text in texts)


def _tag(name: str, text: str, **attributes: str) -> str:
    """An element around text that is nobody's markup."""
    written = "".join(f' {key}="{_clean(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{_clean(text)}</{name}>"


def _clean(text: str) -> str:
    return escape(re.sub("[\x00\ud800-\udfff]", "\ufffd", text))
