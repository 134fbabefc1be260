"""Spans of entities, told and marked."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.validation.spans import cuts_character
from tests.data.validation.records import Record, entity_record, find, marked, of, question, told

GOOD = [entity_record(f"Ann and {n}", (0, 3)) for n in range(20)]
E = "entity 0 ('PER')"


@pytest.mark.parametrize(
    ("text", "spans", "code", "message", "place"),
    [
        ("Ann", [(0, 4)], "S001", f"{E} at 0:4 is outside the text (0:3)", "Ann"),
        ("Ann", [(-3, 2)], "S001", f"{E} at -3:2 is outside the text (0:3)", "An"),
        ("Ann", [(5, 9)], "S001", f"{E} at 5:9 is outside the text (0:3)", ""),
        ("Ann", [(2, 2)], "S002", f"{E} at 2:2 is empty", ""),
        ("Ann B", [(3, 1)], "S003", f"{E} at 3:1 ends before it starts", "nn"),
        ("Ann Bo", [(0, 5), (4, 6)], "S004", f"entity 1 ('PER') at 4:6 overlaps {E} at 0:5", "B"),
        ("Ann Bo C", [(0, 8), (0, 3), (4, 6)], "S004", "entity 1 ('PER') at 0:3 overlaps x", "Ann"),
        ("Hi Ann", [(2, 6)], "S005", f"{E} at 2:6 is ' Ann', with white space at its edges", " Ann"),
        ("Ann\u3000.", [(0, 4)], "S005", f"{E} at 0:4 is 'Ann\\u3000', with white space at its edges", "Ann\u3000"),
        ("Rene\u0301 da", [(0, 4)], "S006", f"{E} at 0:4 ends inside a character, before U+0301", "e\u0301"),
        ("a 👍🏽 b", [(3, 4)], "S006", f"{E} at 3:4 starts inside a character, before U+1F3FD", "👍🏽"),
        ("नी ती", [(0, 1)], "S006", f"{E} at 0:1 ends inside a character, before U+0940", "नी"),
        ("Ann B", [(0, 3), (0, 3)], "S008", "entity 1 ('PER') at 0:3 is there already, as entity 0", "Ann"),
    ],
)  # fmt: skip
def test_what_is_found(text: str, spans: list[tuple[int, int]], code: str, message: str, place: str) -> None:
    findings = find(train=[*GOOD, entity_record(text, *spans)])
    assert {(f.code, f.source) for f in findings} == {(code, "train:21")}
    if "x" not in message[-1]:
        assert findings[0].message == message
    assert place in {marked(f) for f in findings}


def test_stated_text() -> None:
    record = entity_record("Ann met Bo.", (0, 3))
    record["entities"][0]["text"] = "Bo"
    (finding,) = find(train=[*GOOD, record])
    assert (finding.code, finding.message) == ("S007", f"{E} at 0:3 is 'Ann', its text says 'Bo'")
    assert finding.fix == "'Bo' is at 8:10"
    record["entities"][0]["text"] = "Ann"
    assert find(train=[*GOOD, record]) == []


def test_spans_that_touch_are_two() -> None:
    assert find(train=[*GOOD, entity_record("AnnBo", (0, 3), (3, 5))]) == []
    assert find(train=[*GOOD, entity_record("AnnBo", (3, 5), (0, 3))]) == []


def test_every_overlap_is_told() -> None:
    nested = entity_record("Ann Bo Carl", (0, 11), (0, 3), (4, 6, "ORG"), (4, 6))
    assert len(told(find(train=[*GOOD, nested]), "S004")) == 3


def test_answers_have_edges_too() -> None:
    asked: list[Record] = [question("Hi Ann and Bo", (" Ann", 2)), question("Rene\u0301e", ("Rene", 0))]
    findings = find(train=asked)
    assert [(f.code, f.source) for f in findings] == [("S005", "train:1"), ("S006", "train:2")]


@pytest.mark.parametrize("text", ["ab", "می‌خواهم", "日本", "a b", "é!", "🇩🇪"])
def test_characters_that_may_be_parted(text: str) -> None:
    assert not any(cuts_character(text, position) for position in range(len(text) + 1))


@given(st.text(), st.integers(-2, 40))
def test_composed_letters_are_never_cut(text: str, position: int) -> None:
    """Where composing changes nothing across an edge, no letter with its accent is parted there."""
    if cuts_character(text, position):
        assert 0 < position < len(text)
    elif 0 < position < len(text) and not text[position - 1].isspace():
        assert not unicodedata.combining(text[position])


@given(st.text(min_size=1), st.lists(st.tuples(st.integers(-3, 30), st.integers(-3, 30)), max_size=5))
def test_places_are_in_the_text(text: str, spans: list[tuple[int, int]]) -> None:
    findings = of(find(train=[entity_record(text, *spans)]), *(f"S00{n}" for n in range(1, 9)))
    for finding in findings:
        assert finding.place is not None
        assert 0 <= finding.place.start <= finding.place.end <= len(text) == len(finding.place.text)
    good = all(0 <= s < e <= len(text) for s, e in spans)
    assert good == (not of(findings, "S001", "S002", "S003"))
