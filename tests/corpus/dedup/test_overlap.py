"""Runs of words that texts share with sets of texts, against a plain search."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.dedup import overlap as overlap_module
from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.overlap import Overlap

WORDS = st.lists(st.sampled_from("abcd"), max_size=12).map(" ".join)


def rows(overlap: Overlap, texts: list[str]) -> list[tuple[int, int, int, int]]:
    hits = overlap.find(texts)
    return [*zip(hits.texts.tolist(), hits.first.tolist(), hits.last.tolist(), hits.sets.tolist(), strict=True)]


def test_a_run_is_found_where_it_is() -> None:
    overlap = Overlap([["one two three"], ["four five six seven"]], words=3, shortest=3)
    texts = ["nothing", "Zero: ONE, two\nthree!", "five six seven eight"]
    assert rows(overlap, texts) == [(1, 6, 15, 0), (2, 0, 9, 1)]


def test_of_shorter_texts_the_whole_and_none_of_the_shortest() -> None:
    overlap = Overlap([["one two three", "four five"]], words=5, shortest=3)
    assert rows(overlap, ["zero one two three four five six", "one two four", "four five"]) == [(0, 5, 13, 0)]


def test_characters_count_less_than_words() -> None:
    overlap = Overlap([["一二三四五六七八九"]], words=4, shortest=3)
    assert rows(overlap, ["甲一二三四五乙"]) == []
    assert rows(overlap, ["甲一二三四五六乙"]) == [(0, 1, 6, 0)]
    short = Overlap([["一二三四"], ["一二三四五"]], words=9, shortest=3)
    assert rows(short, ["一二三四", "一二三四五"]) == [(1, 0, 4, 1)]


def test_sets_that_share_a_run_the_first_has_it() -> None:
    overlap = Overlap([["x y z"], ["a b c", "x y z"]], words=3, shortest=3)
    assert rows(overlap, ["x y z a b c"]) == [(0, 0, 4, 0), (0, 6, 10, 1)]


def test_nothing_to_look_for() -> None:
    assert rows(Overlap([[]], 13, 8), ["some text"]) == []
    assert rows(Overlap([["a b c"]], 2, 2), []) == []


def test_sets_of_which_nothing_is_looked_for_are_known() -> None:
    assert Overlap([["a b"], ["x y z"], [], ["x y z"]], words=3, shortest=3).empty == [0, 2]


@given(st.lists(st.lists(WORDS, max_size=4), max_size=3), st.lists(WORDS, max_size=5), st.integers(1, 5))
def test_what_is_found_is_what_a_plain_search_finds(sets: list[list[str]], texts: list[str], words: int) -> None:
    shortest = max(1, words - 2)
    known: dict[tuple[str, ...], int] = {}
    for number, group in enumerate(sets):
        for text in group:
            own = text.split()
            size = min(words, len(own))
            for i in range(len(own) - size + 1) if size >= shortest else []:
                known.setdefault(tuple(own[i : i + size]), number)
    expected = []
    for place, text in enumerate(texts):
        own = text.split()
        for size in range(shortest, words + 1):
            for i in range(len(own) - size + 1):
                if (run := tuple(own[i : i + size])) in known:
                    expected.append((place, 2 * i, 2 * (i + size - 1), known[run]))
    found = rows(Overlap(sets, words, shortest), texts)
    assert sorted(found) == sorted(expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap_module, "blocks", partial(blocks, characters=7))
        assert sorted(rows(Overlap(sets, words, shortest), texts)) == sorted(expected)


def test_hits_come_by_text() -> None:
    overlap = Overlap([["a b", "c d e"]], words=3, shortest=2)
    hits = overlap.find(["c d e a b", "a b", "c d e"])
    assert np.array_equal(hits.texts, [0, 0, 1, 2])
