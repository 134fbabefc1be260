"""Words to ids in arrays: a `dict` is the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text import word_arrays
from encodery.text.word_arrays import Runs, Words
from encodery.text.word_table import UNKNOWN, WordTable

WORDS = st.binary(max_size=19).map(lambda word: word.replace(b" ", b"")) | st.sampled_from(
    [b"", b"\0", b"\0\0", b"a"]
)
RUNS = st.none() | st.lists(st.integers(0, 2**31 - 1), max_size=7)


def look_up(table: WordTable, words: list[bytes]) -> list[list[int] | None]:
    runs = table.gather(table.find(Words.of(words)))
    ids = [run.tolist() for run in np.split(runs.ids, np.cumsum(runs.counts))[:-1]]
    return [run if known else None for run, known in zip(ids, runs.known, strict=True)]


@given(st.dictionaries(WORDS, RUNS, max_size=31), st.lists(WORDS, min_size=1, max_size=31))
def test_what_is_added_is_found_and_nothing_else(known: dict[bytes, list[int] | None], others: list[bytes]) -> None:
    table = WordTable(31)
    words = list(known)
    for part in (words[:13], words[13:]):
        table.add(Words.of(part), Runs.of([known[word] for word in part]))
    asked = [*words, *others, *words[::-1]]
    assert look_up(table, asked) == [known.get(word) for word in asked]
    unknown = [word not in known for word in asked]
    assert (table.find(Words.of(asked)) == UNKNOWN).tolist() == unknown
    assert len(table) == len(known)


def test_a_full_table_finds_all_that_collides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_arrays, "_MIX", (np.uint64(0), np.uint64(0)))  # every word belongs into the first slot
    table = WordTable(37)
    words = [str(number).encode() for number in range(37)]
    table.add(Words.of(words[:17]), Runs.of([[number] for number in range(17)]))
    table.add(Words.of(words[17:]), Runs.of([[number] for number in range(17, 37)]))
    assert look_up(table, [*words, b"37"]) == [*([number] for number in range(37)), None]


def test_a_word_that_is_there_stays() -> None:
    table = WordTable(7)
    table.add(Words.of([b"a", b"sixteen bytes..."]), Runs.of([[1], [2, 3]]))
    table.add(Words.of([b"b", b"a"]), Runs.of([[5], [7]]))
    assert look_up(table, [b"a", b"b", b"sixteen bytes..."]) == [[1], [5], [2, 3]]


def test_words_with_many_ids_make_the_table_grow() -> None:
    table = WordTable(5)
    runs = [list(range(start, start + 101)) for start in range(5)]
    for number, run in enumerate(runs):
        table.add(Words.of([str(number).encode()]), Runs.of([run]))
    assert look_up(table, [b"4", b"0", b"2"]) == [runs[4], runs[0], runs[2]]


def test_no_more_than_the_table_holds() -> None:
    table = WordTable(2)
    with pytest.raises(AssertionError, match=r"^3 words in a table of 2$"):
        table.add(Words.of([b"a", b"b", b"c"]), Runs.of([[1], [2], [3]]))


@given(st.dictionaries(WORDS, RUNS, min_size=1, max_size=31), WORDS, RUNS)
def test_an_enlarged_table_holds_the_same_and_more(
    known: dict[bytes, list[int] | None], new: bytes, run: list[int] | None
) -> None:
    table = WordTable(len(known))
    table.add(Words.of(list(known)), Runs.of(list(known.values())))
    larger = table.enlarged(len(known) + 1)
    larger.add(Words.of([new]), Runs.of([run]))
    assert look_up(larger, [*known, new]) == [*known.values(), known.get(new, run)]
    assert look_up(table, list(known)) == list(known.values())
