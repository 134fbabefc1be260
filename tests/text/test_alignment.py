"""Alignment of a text with its normal form."""

import unicodedata

import pytest
from hypothesis import given, settings

from encodery.text.alignment import align, carried_back
from encodery.text.tokenizer import Tokenizer
from tests.text.scripts import TEXTS


def nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", []),
        ("abc", [(0, 1), (1, 2), (2, 3)]),
        ("aﬁb", [(0, 1), (1, 2), (1, 2), (2, 3)]),  # one becomes two
        ("xa\u0303b", [(0, 1), (1, 3), (3, 4)]),  # two become one
        ("xp\u0303b", [(0, 1), (1, 2), (2, 3), (3, 4)]),  # nothing to compose
        ("\u1112\u1161\u11abx", [(0, 3), (3, 4)]),
        ("ｶﾞx", [(0, 2), (2, 3)]),
    ],
)
def test_known_spans(text: str, spans: list[tuple[int, int]]) -> None:
    assert align(text, nfkc) == spans


def test_where_clusters_interact_the_word_is_the_span() -> None:
    def swap(text: str) -> str:
        return text.replace("ab", "c")

    assert align("x ab", swap) == [(0, 1), (1, 2), (2, 4)]


def test_where_words_interact_the_text_is_the_span() -> None:
    assert align("a b", lambda text: text.replace("a b", "cd")) == [(0, 3), (0, 3)]


@settings(max_examples=300)
@given(TEXTS)
def test_each_character_comes_from_its_span(text: str) -> None:
    spans = align(text, nfkc)
    normal = nfkc(text)
    assert len(spans) == len(normal)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    for character, (start, end) in zip(normal, spans, strict=True):
        assert 0 <= start < end <= len(text)
        assert character in nfkc(text[start:end])


def test_a_mark_before_its_letter_widens_nothing_else(unigram: Tokenizer) -> None:
    """U+0600 is one cluster with the letter behind it; the ligatures before it keep their own spans."""
    assert tokens_of(unigram, "ﬁﬁ \u0600é") == [(0, 1), (0, 1), (1, 2), (1, 2)]


def tokens_of(unigram: Tokenizer, text: str) -> list[tuple[int, int]]:
    normalize = unigram.kind.backend.normalizer.normalize_str  # type: ignore[attr-defined]
    return align(text, normalize)[:4]


def test_spans_are_carried_back() -> None:
    """Two characters became one, one became two; an empty span stays where it is."""
    sources = [(0, 1), (1, 3), (3, 4), (3, 4)]
    spans = [(0, 1), (1, 2), (0, 2), (1, 4), (2, 3), (3, 4), (2, 2), (4, 4), (0, 0)]
    assert carried_back(spans, sources, 5) == [
        (0, 1),
        (1, 3),
        (0, 3),
        (1, 4),
        (3, 4),
        (3, 4),
        (3, 3),
        (5, 5),
        (0, 0),
    ]
