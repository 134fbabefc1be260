"""Texts to read in a report: what was lost for a reason, and what lies on both sides of a threshold.

They come from anywhere and are hostile until shown otherwise: escaped here, addresses are text and no links.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from encodery.report.elements import element, wrapped


@dataclass(frozen=True)
class Sample:
    """A text, and in small print where it comes from."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Samples:
    """Texts under a title that opens them."""

    title: str
    note: str
    samples: Sequence[Sample]


@dataclass(frozen=True)
class Measured:
    """A chart of a measure, and the texts on both sides of each of its thresholds."""

    svg: str
    caption: str = ""
    sides: Sequence[Samples] = ()
    """Two for each threshold."""


def samples_element(group: Samples) -> str:
    """Closed until asked for: a page of a crawl is long enough."""
    summary = wrapped("summary", f"{element('span', group.title)} {_note('span', group.note)}")
    return wrapped("details", summary + _list(group.samples), **{"class": "samples"})


def measured_element(measured: Sequence[Measured]) -> str:
    """Charts next to each other where there is room, each with its sides beneath it; nothing without charts."""
    return wrapped("div", "".join(map(_measured, measured)), **{"class": "measures"}) if measured else ""


def _measured(measured: Measured) -> str:
    caption = element("figcaption", measured.caption) if measured.caption else ""
    figure = wrapped("figure", measured.svg + caption)
    sides = "".join(
        wrapped("div", element("h3", side.title) + _note("p", side.note) + _list(side.samples))
        for side in measured.sides
    )
    if sides:
        summary = element("summary", "Samples on both sides of each threshold")
        sides = wrapped("details", f'{summary}<div class="sides">{sides}</div>', **{"class": "samples"})
    return wrapped("div", figure + sides)


def _list(samples: Sequence[Sample]) -> str:
    shown = (wrapped("li", element("p", s.text, dir="auto") + _note("div", s.note)) for s in samples)
    return wrapped("ul", "".join(shown), **{"class": "examples"}) if samples else ""


def _note(name: str, note: str) -> str:
    return element(name, note, **{"class": "note"}) if note else ""
