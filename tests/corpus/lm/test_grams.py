"""Runs of words as two numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.lm.grams import BITS, MAX_ORDER, Grams, grams_of, joined

WORD = st.integers(0, (1 << BITS) - 1) | st.integers(0, 2)


def words(grams: Grams, size: int) -> list[tuple[int, ...]]:
    return list(zip(*(grams.word(place).tolist() for place in range(size, 0, -1)), strict=True))


@st.composite
def runs(draw: st.DrawFn) -> list[tuple[int, ...]]:
    size = draw(st.integers(2, MAX_ORDER))
    return draw(st.lists(st.tuples(*[WORD] * size), min_size=1, max_size=19))


@given(runs())
def test_words_suffixes_and_contexts(rows: list[tuple[int, ...]]) -> None:
    size = len(rows[0])
    grams = grams_of(np.array(rows))
    assert words(grams, size) == rows
    assert words(grams.contexts(), size - 1) == [row[:-1] for row in rows]
    for shorter in range(1, size + 1):
        assert words(grams.suffixes(shorter), size) == [(0,) * (size - shorter) + row[-shorter:] for row in rows]


@given(runs())
def test_sorted_by_their_ends(rows: list[tuple[int, ...]]) -> None:
    grams = grams_of(np.array(rows))
    ordered = grams.take(grams.order())
    expected = sorted(rows, key=lambda row: row[::-1])
    assert words(ordered, len(rows[0])) == expected
    assert ordered.starts().tolist() == [i == 0 or expected[i] != expected[i - 1] for i in range(len(rows))]


def test_equal_ones_stay_as_they_stand() -> None:
    grams = grams_of(np.array([[1, 2], [0, 2], [1, 2], [0, 2]]))
    assert grams.order().tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize("size", [1, 3, 4, MAX_ORDER])
def test_joined(size: int) -> None:
    rows = np.arange(size * 5).reshape(5, size)
    both = joined(grams_of(rows[:2]), grams_of(rows[2:]))
    assert words(both, size) == [tuple(row) for row in rows.tolist()]
