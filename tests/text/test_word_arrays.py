"""Words in arrays: lists of `bytes` are the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text import word_arrays
from encodery.text.word_arrays import INLINE, Runs, Words, mix

WORDS = st.lists(st.binary(max_size=19) | st.sampled_from([b"", b"\0", b"\0\0", b"a" * 16, b"a" * 17]), max_size=23)


@given(WORDS, st.randoms())
def test_words_are_what_went_in(words: list[bytes], random: np.random.Generator) -> None:
    found = Words.of(words)
    assert len(found) == len(words)
    assert found.listed() == words
    places = [random.randrange(len(words)) for _ in words]  # type: ignore[attr-defined]
    assert found.take(np.array(places, np.int64)).listed() == [words[place] for place in places]
    assert found.is_long.tolist() == [len(word) > 15 for word in words]


@given(WORDS)
def test_different_words_once_each_in_their_order(words: list[bytes]) -> None:
    assert Words.of(words).different().listed() == list(dict.fromkeys(words))


@given(WORDS)
def test_keys_are_equal_where_short_words_are(words: list[bytes]) -> None:
    low, high = Words.of(words).keys
    keys = list(zip(low.tolist(), high.tolist(), strict=True))
    for word, key in zip(words, keys, strict=True):
        for other, another in zip(words, keys, strict=True):
            if len(word) <= INLINE:
                assert (key == another) == (word == other)
    assert 0 not in high  # what a table has where no word is
    assert Words.of(words).mixed.tolist() == mix(low, high).tolist()


def test_short_words_that_look_alike_count_as_one_and_long_ones_never_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_arrays, "_MIX", (np.uint64(0), np.uint64(0)))
    words = [b"sixteen bytes 16", b"a", b"b", b"sixteen bytes 17", b"sixteen bytes 16"]
    assert Words.of(words).different().listed() == [b"sixteen bytes 16", b"sixteen bytes 17"]
    assert Words.of(words[1:]).different().listed() == [b"a", b"sixteen bytes 17", b"sixteen bytes 16"]


def test_runs_without_the_words_that_have_none() -> None:
    runs = Runs.of([[5, 7], None, [], [2]])
    assert (runs.ids.tolist(), runs.counts.tolist()) == ([5, 7, 2], [2, 0, 0, 1])
    assert runs.known.tolist() == [True, False, True, True]
    only = runs.only_known()
    assert (only.ids.tolist(), only.counts.tolist(), only.known.tolist()) == ([5, 7, 2], [2, 0, 1], [True] * 3)
