"""A text with some of its parts marked: the entities that are true, and those that were predicted."""

from collections.abc import Sequence
from dataclasses import dataclass

from encodery.report.elements import clean, element, wrapped

MOST = 600
"""Characters of a text that are shown."""
BEFORE = 150
"""Of these, as many before the first wrong mark."""


@dataclass(frozen=True)
class Mark:
    """Characters of a text and what is said of them."""

    start: int
    end: int
    label: str
    right: bool


@dataclass(frozen=True)
class Marked:
    """One reading of a text."""

    title: str
    text: str
    marks: Sequence[Mark]
    first: int = 0
    """Where to begin, so that two readings of one text stand side by side."""


def window_start(marks: Sequence[Mark]) -> int:
    """Where a text should begin so that its first wrong mark is seen; 0 where that is near its start."""
    wrong = [mark.start for mark in marks if not mark.right]
    start = min(wrong, default=0) - BEFORE
    return start if start > MOST - 3 * BEFORE else 0


def shortened(text: str, first: int = 0) -> str:
    """At most `MOST` characters, with an ellipsis where some are left out."""
    last = first + MOST
    return ("… " if first else "") + text[first:last] + (" …" if last < len(text) else "")


def marked_text(reading: Marked) -> str:
    """The text under its title; marks that overlap one before them are left out."""
    first, last = reading.first, reading.first + MOST
    parts, at = ["… " if first else ""], first
    for mark in sorted(reading.marks, key=lambda mark: (mark.start, mark.end)):
        if mark.start < at or mark.start >= last:
            continue
        end = min(mark.end, last)
        kind = "right" if mark.right else "wrong"
        inner = clean(reading.text[mark.start : end]) + element("small", mark.label)
        parts += [clean(reading.text[at : mark.start]), wrapped("mark", inner, **{"class": kind})]
        at = end
    parts += [clean(reading.text[at:last]), " …" if last < len(reading.text) else ""]
    return element("div", reading.title, **{"class": "reading"}) + wrapped("p", "".join(parts), dir="auto")
