"""Checks of the answers to questions."""

import re
from collections.abc import Iterator
from typing import Any

from encodery.data.validation.check import Found, check
from encodery.data.validation.finding import Place
from encodery.data.validation.rows import Kind, Row, Span
from encodery.data.validation.survey import Survey

QUESTIONS: tuple[Kind, ...] = ("question-answering",)


_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese put no space between words."""


def holds(row: Row, span: Span) -> bool:
    """Whether an answer is where it says."""
    return span.start >= 0 and row.text.startswith(span.given or "", span.start)


def only_place(row: Row, span: Span) -> int | None:
    """Where an answer must be, if nothing but its offset is wrong: it is there once, and no part of a longer word.

    An offset below 0 is no slip of counting: it says that the answer was looked for and not found.
    """
    places = occurrences(row.text, span.given or "", most=2)
    if len(places) != 1 or span.start < 0:
        return None
    edges = (places[0], places[0] + len(span.given or ""))
    return None if any(_inside_word(row.text, edge) for edge in edges) else places[0]


def _inside_word(text: str, position: int) -> bool:
    around = text[max(position - 1, 0) : position + 1] if position else ""
    return len(around) == 2 and all(map(str.isalnum, around)) and not _UNSPACED.search(around)


def occurrences(text: str, part: str, most: int = 9) -> list[int]:
    """Where `part` begins in `text`, overlaps included; at most `most` of them."""
    found: list[int] = []
    at = text.find(part) if part else -1
    while at >= 0 and len(found) < most:
        found.append(at)
        at = text.find(part, at + 1)
    return found


@check(
    "Q001",
    "error",
    what="an answer that is not at its offset, but elsewhere in the context",
    why="training takes the offset: it learns another answer",
    fix="correct answer_start; offsets count code points (--fix does, where the answer is there once, as a word)",
    kinds=QUESTIONS,
)
def displaced_answer(row: Row, survey: Survey) -> Iterator[Found]:
    for span in row.answers:
        places = occurrences(row.text, span.given or "")
        if places and not holds(row, span):
            shown = ", ".join(map(str, places))
            only = only_place(row, span)
            fix = "say which of them is meant" if only is None else f"answer_start = {only} (--fix does)"
            message = f"answer {span.index}, {span.given!r:.40}, is not at {span.start} but at {shown}"
            yield Found(message, Place(row.text, places[0], places[0] + len(span.given or "")), fix)


@check(
    "Q002",
    "error",
    what="an answer that is not in the context",
    why="an extractive model can only answer with a part of the context",
    fix="correct the answer or the context; look for other spelling, case or spaces; or remove the record",
    kinds=QUESTIONS,
)
def absent_answer(row: Row, survey: Survey) -> Iterator[Found]:
    for span in row.answers:
        if "context" in row.texts and span.given and span.given not in row.text:
            at = row.text.casefold().find(span.given.casefold())
            near = row.text[at : at + len(span.given)]
            exact = at >= 0 and near.casefold() == span.given.casefold()
            place = Place(row.text, at, at + len(near)) if exact else None
            also = f"; {near!r:.40} is, at {at}" if exact else ""
            yield Found(f"answer {span.index}, {span.given!r:.40}, is not in the context{also}", place)


@check(
    "Q003",
    "error",
    what="an answer that is null, or without its text or its offset",
    why="it says neither what the answer is nor that there is none",
    fix='give both; a question without an answer has {"text": [], "answer_start": []}; or remove the record',
    kinds=QUESTIONS,
)
def null_answer(row: Row, survey: Survey) -> Iterator[Found]:
    table = row.record.get("answers", {})
    if table is None:
        yield Found("answers = None")
    if not isinstance(table, dict) or "answers" not in row.record:
        return
    lists: dict[str, list[Any]] = {}
    for key in ("text", "answer_start"):
        value = table.get(key)
        if value is None:
            yield Found(f"answers.{key} is {'null' if key in table else 'missing'}")
        elif isinstance(value, list):
            lists[key] = value
            for index, item in enumerate(value):
                if item is None:
                    yield Found(f"answers.{key}[{index}] is null")
    if len(lists) == 2 and len(lists["text"]) != len(lists["answer_start"]):
        yield Found(f"{len(lists['text'])} answer texts and {len(lists['answer_start'])} offsets")


@check(
    "Q004",
    "error",
    what="an answer whose text is empty",
    why="no span of the context is meant by it",
    fix='give the text; a question without an answer has {"text": [], "answer_start": []}',
    kinds=QUESTIONS,
)
def empty_answer(row: Row, survey: Survey) -> Iterator[Found]:
    for span in row.answers:
        if not (span.given or "").strip():
            yield Found(f"answer {span.index} is {span.given!r:.40}")


@check(
    "Q005",
    "error",
    what="`is_impossible` and the answers contradict each other",
    why="SQuAD 2.0: a question has answers or is marked as impossible, and scorers go by either",
    fix="correct is_impossible, or the answers",
    kinds=QUESTIONS,
)
def contradictory_answer(row: Row, survey: Survey) -> Iterator[Found]:
    impossible = row.record.get("is_impossible")
    table = row.record.get("answers")
    texts = table.get("text") if isinstance(table, dict) else None
    if isinstance(impossible, bool) and isinstance(texts, list) and impossible == bool(texts):
        said = "true, but there are answers" if impossible else "false, but there is no answer"
        yield Found(f"is_impossible is {said}")
