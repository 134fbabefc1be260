"""Answers and their offsets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.validation.answers import occurrences
from tests.data.validation.records import Record, find, marked, of, question, told

GOOD: list[Record] = [question(f"Ann and {n}", ("Ann", 0)) for n in range(20)]


def of_one(record: Record) -> Any:
    (finding,) = find(train=[*GOOD, record])
    assert finding.source == "train:21"
    return finding


def test_displaced() -> None:
    finding = of_one(question("Ben met Ann.", ("Ann", 7)))
    assert (finding.code, finding.message) == ("Q001", "answer 0, 'Ann', is not at 7 but at 8")
    assert (marked(finding), finding.fix) == ("Ann", "answer_start = 8 (--fix does)")
    finding = of_one(question("Ann met Ann.", ("Ann", 70)))
    assert finding.message == "answer 0, 'Ann', is not at 70 but at 0, 8"
    assert finding.fix == "say which of them is meant"
    assert of_one(question("Ann met Ben.", ("Ann", -12))).code == "Q001"  # no offset counts from the end


def test_the_tenth_occurrence_is_one_too() -> None:
    assert find(train=[*GOOD, question("Ann " * 30, ("Ann", 100))]) == []


@pytest.mark.parametrize(
    ("context", "answer", "start", "safe"),
    [
        ("Ben met Ann.", "Ann", 3, True),
        ("Ben met Anna.", "Ann", 3, False),
        ("It is north.", "no", 0, False),
        ("Ben met Ann.", "Ann", -1, False),
        ("首都是东京吗", "东京", 1, True),
        ("Ann met Ann.", "Ann", 3, False),
        (" 3.5 km", "3.5", 0, True),
    ],
)
def test_a_safe_repair(context: str, answer: str, start: int, safe: bool) -> None:
    finding = of_one(question(context, (answer, start)))
    assert finding.fix.endswith("(--fix does)") == safe


def test_offsets_in_utf16_are_displaced() -> None:
    assert of_one(question("😀 Ann", ("Ann", 3))).message == "answer 0, 'Ann', is not at 3 but at 2"


def test_absent() -> None:
    finding = of_one(question("Ben met Ann.", ("Carl", 0)))
    assert (finding.code, finding.message) == ("Q002", "answer 0, 'Carl', is not in the context")
    assert finding.place is None
    finding = of_one(question("Ben met Ann.", ("ann", 8)))
    assert finding.message == "answer 0, 'ann', is not in the context; 'Ann' is, at 8"
    assert marked(finding) == "Ann"


@pytest.mark.parametrize(
    ("answers", "messages"),
    [
        (None, ["answers = None"]),
        ({"text": None, "answer_start": None}, ["answers.text is null", "answers.answer_start is null"]),
        ({"text": ["Ann"]}, ["answers.answer_start is missing"]),
        ({"text": [None], "answer_start": [0]}, ["answers.text[0] is null"]),
        ({"text": ["Ann"], "answer_start": [None]}, ["answers.answer_start[0] is null"]),
        ({"text": ["Ann", "Ann"], "answer_start": [0]}, ["2 answer texts and 1 offsets"]),
    ],
)
def test_null(answers: Any, messages: list[str]) -> None:
    findings = find(train=[*GOOD, {"question": "Who?", "context": "Ann.", "answers": answers}])
    assert [(f.code, f.message) for f in findings] == [("Q003", message) for message in messages]


def test_empty_and_contradictory() -> None:
    assert of_one(question("Ann.", ("", 0))).message == "answer 0 is ''"
    assert find(train=[*GOOD, question("Ann.")]) == []
    assert find(train=[*GOOD, question("Ann.", is_impossible=True)]) == []
    assert of_one(question("Ann.", is_impossible=False)).message == "is_impossible is false, but there is no answer"
    finding = of_one(question("Ann.", ("Ann", 0), is_impossible=True))
    assert (finding.code, finding.message) == ("Q005", "is_impossible is true, but there are answers")


@given(st.text("ab "), st.text("ab ", max_size=3))
def test_occurrences(text: str, part: str) -> None:
    everywhere = [at for at in range(len(text)) if part and text.startswith(part, at)]
    assert occurrences(text, part) == everywhere[:9]


@given(st.text(min_size=1), st.data())
def test_an_answer_cut_from_its_context_is_right_and_any_other_offset_is_not(
    context: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(start + 1, len(context)))
    record = question(context, (context[start:end], start))
    assert of(find(train=[record]), "Q001", "Q002") == []
    other = data.draw(st.integers(-3, len(context) + 3))
    record["answers"]["answer_start"] = [other]
    right = other >= 0 and context.startswith(context[start:end], other)
    assert bool(told(find(train=[record]), "Q001")) == (not right)
