"""Where words end: scripts with spaces, and scripts without."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.scripts import after_marks, is_in_word, is_mark, is_unspaced, whole, word_spans


@pytest.mark.parametrize("text", ["東京", "ひらがな", "カタカナ", "กรุงเทพ", "ຫລວງ", "ភ្នំពេញ", "မြန်မာ"])
def test_scripts_without_spaces(text: str) -> None:
    assert all(map(is_unspaced, text))
    assert not any(is_in_word(text, place) for place in range(len(text) + 1))


@pytest.mark.parametrize("text", ["Köln", "Москва", "القاهرة", "दिल्ली", "서울", "Αθήνα", "e\u0301a", "k9"])
def test_scripts_with_spaces(text: str) -> None:
    assert not any(map(is_unspaced, text))
    assert [is_in_word(text, place) for place in range(len(text) + 1)] == [False, *[True] * (len(text) - 1), False]


@pytest.mark.parametrize("text", ["a b", "a-b", "a.", "(a", "京a", "a京"])
def test_no_word_goes_on_here(text: str) -> None:
    assert not is_in_word(text, 1)


def test_marks() -> None:
    assert [is_mark(character) for character in "e\u0301ப்"] == [False, True, False, True]


def test_where_marks_end() -> None:
    assert [after_marks("e\u0301\u0323b\u0301", place) for place in range(6)] == [0, 3, 3, 3, 5, 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ama Ata lives in Bonn.", ["Ama", "Ata", "lives", "in", "Bonn", "."]),
        ("  it's  3.5\n", ["it", "'", "s", "3", ".", "5"]),
        ("東京 Tower", ["東", "京", "Tower"]),
        ("cafe\u0301!", ["cafe\u0301", "!"]),
        ("दिल्ली", ["दिल्ली"]),
        (" \t", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in word_spans(text)] == words


@given(st.text())
def test_words_are_in_order_and_leave_nothing_but_white_space(text: str) -> None:
    spans = word_spans(text)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    inside = {place for start, end in spans for place in range(start, end)}
    assert inside == {place for place, character in enumerate(text) if not character.isspace()}


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("cafe\u0301 noir", (0, 4), "cafe\u0301"),
        ("ப்பா", (0, 1), "ப்"),
        ("a  Ama\t b", (1, 8), "Ama"),
        ("a  b", (1, 3), ""),
        ("Bonn", (0, 4), "Bonn"),
        (" \u0301", (0, 1), "\u0301"),
    ],
)
def test_whole_spans(text: str, given: tuple[int, int], found: str) -> None:
    start, end = whole(text, *given)
    assert text[start:end] == found
    assert start <= end


@given(st.text(alphabet="a é\u0301\t京"), st.data())
def test_a_whole_span_is_whole_already(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    found = whole(text, start, data.draw(st.integers(start, len(text))))
    assert whole(text, *found) == found or found[0] == found[1]
