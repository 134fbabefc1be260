"""Checks of spans: the entities of a text, and what entities and answers have in common."""

import unicodedata
from collections.abc import Iterator

from encodery.data.validation.check import Found, check
from encodery.data.validation.finding import Place
from encodery.data.validation.rows import Kind, Row, Span
from encodery.data.validation.survey import Survey

ENTITIES: tuple[Kind, ...] = ("token-classification",)
SPANS: tuple[Kind, ...] = ("token-classification", "question-answering")
_JOINER = "\u200d"


def sound(row: Row) -> Iterator[Span]:
    """Spans that lie in the text: what a further look may take for granted."""
    for span in (*row.entities, *row.answers):
        holds = (
            span.given is None or row.kind != "question-answering" or row.text[span.start : span.end] == span.given
        )
        if 0 <= span.start < span.end <= len(row.text) and holds:
            yield span


def place(row: Row, span: Span) -> Place:
    """The part of the span that is in the text, to be marked."""
    start = min(max(span.start, 0), len(row.text))
    return Place(row.text, start, min(max(span.end, start), len(row.text)))


@check(
    "S001",
    "error",
    what="a span outside the text",
    why="offsets count code points from 0, the end is not included; bytes or UTF-16 units are larger",
    fix="count the offsets in code points of the text as given",
    kinds=ENTITIES,
)
def outside(row: Row, survey: Survey) -> Iterator[Found]:
    for span in row.entities:
        if min(span.start, span.end) < 0 or max(span.start, span.end) > len(row.text):
            yield Found(f"{span} is outside the text (0:{len(row.text)})", place(row, span))


@check(
    "S002",
    "error",
    what="an empty span",
    why="it holds no character that could be labelled",
    fix="remove it, or give it its end",
    kinds=ENTITIES,
)
def empty(row: Row, survey: Survey) -> Iterator[Found]:
    for span in row.entities:
        if span.start == span.end:
            yield Found(f"{span} is empty", place(row, span))


@check(
    "S003",
    "error",
    what="a span that ends before it starts",
    why="it holds no character that could be labelled",
    fix="exchange start and end, if that is what is meant",
    kinds=ENTITIES,
)
def reversed_(row: Row, survey: Survey) -> Iterator[Found]:
    for span in row.entities:
        if span.end < span.start:
            yield Found(
                f"{span} ends before it starts", place(row, Span(span.index, span.end, span.start, span.label))
            )


@check(
    "S004",
    "error",
    what="two entities that overlap",
    why="a token has one label: of two entities that share it, one is lost",
    fix="keep one of the two, or part them",
    kinds=ENTITIES,
)
def overlapping(row: Row, survey: Survey) -> Iterator[Found]:
    last: Span | None = None
    for span in sorted(set_of(sound(row)), key=lambda span: (span.start, span.end)):
        if last and span.start < last.end:
            yield Found(f"{span} overlaps {last}", Place(row.text, span.start, min(span.end, last.end)))
        last = span if last is None or span.end > last.end else last


def set_of(spans: Iterator[Span]) -> list[Span]:
    """Each span once: that one is there twice is said by S008."""
    return list({(span.start, span.end, span.label): span for span in spans}.values())


@check(
    "S005",
    "warning",
    what="an entity or answer with white space at its edges",
    why="no tokenizer has a token for it: the prediction can never be equal",
    fix="move start and end to the first and last visible character (--fix does)",
    kinds=SPANS,
)
def blank_edges(row: Row, survey: Survey) -> Iterator[Found]:
    for span in sound(row):
        text = row.text[span.start : span.end]
        if text != text.strip():
            yield Found(f"{span} is {text!r:.80}, with white space at its edges", place(row, span))


@check(
    "S006",
    "warning",
    what="a span that cuts what a reader sees as one character (a letter and its accent, an emoji of several parts)",
    why="one half of the character is left outside: offsets are wrong, or counted in another Unicode form",
    fix="move the edge to the next whole character",
    kinds=SPANS,
)
def cut_character(row: Row, survey: Survey) -> Iterator[Found]:
    for span in sound(row):
        for edge, name in ((span.start, "starts"), (span.end, "ends")):
            if cuts_character(row.text, edge):
                code = f"U+{ord(row.text[edge]):04X}"
                yield Found(f"{span} {name} inside a character, before {code}", Place(row.text, edge - 1, edge + 1))


def cuts_character(text: str, position: int) -> bool:
    """Whether an edge here parts a character from its marks (most of the rules of UAX 29, section 3.1.1).

    A zero-width non-joiner is no mark here: Persian and Indic scripts part a word from its suffix by one.
    """
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    if unicodedata.category(after).startswith("M") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return not before.isspace()
    return after == _JOINER or (before == _JOINER and unicodedata.category(after) == "So")


@check(
    "S007",
    "error",
    what="an entity whose text is another than the record says",
    why="either the offsets or the text is wrong; training goes by the offsets",
    fix="correct the one that is wrong",
    kinds=ENTITIES,
)
def other_text(row: Row, survey: Survey) -> Iterator[Found]:
    for span in sound(row):
        there = row.text[span.start : span.end]
        if span.given is not None and there != span.given:
            at = row.text.find(span.given) if span.given else -1
            once = at >= 0 and row.text.count(span.given) == 1
            fix = f"{span.given!r:.40} is at {at}:{at + len(span.given)}" if once else ""
            yield Found(f"{span} is {there!r:.40}, its text says {span.given!r:.40}", place(row, span), fix)


@check(
    "S008",
    "warning",
    what="the same entity twice in a record",
    why="it counts twice where entities are counted",
    fix="keep one of the two (--fix does)",
    kinds=ENTITIES,
)
def repeated_entity(row: Row, survey: Survey) -> Iterator[Found]:
    seen: dict[tuple[int, int, str], Span] = {}
    for span in row.entities:
        first = seen.setdefault((span.start, span.end, span.label), span)
        if first is not span:
            yield Found(f"{span} is there already, as entity {first.index}", place(row, span))
