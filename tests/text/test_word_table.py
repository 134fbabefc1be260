"""Words to ids in arrays: a `dict` is the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.text import word_table
from encodery.text.word_table import DEPENDENT, PADDING, UNKNOWN, Runs, WordTable

WORDS = st.binary(max_size=19).map(lambda word: word.replace(b" ", b"")) | st.sampled_from(
    [b"", b"\0", b"\0\0", b"a"]
)
RUNS = st.none() | st.lists(st.integers(0, 2**31 - 1), max_size=7)


def find(table: WordTable, words: list[bytes]) -> np.ndarray:
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    lengths = np.array([len(word) for word in words], np.int64)
    text = np.frombuffer(b" ".join(words) + PADDING, np.uint8)
    return table.find(text, (ends - lengths).astype(np.int64), lengths)


def look_up(table: WordTable, words: list[bytes]) -> list[list[int] | None]:
    numbers = find(table, words)
    ids, ends = table.gather(np.maximum(numbers, DEPENDENT))
    runs = [run.tolist() for run in np.split(ids, ends)[:-1]]
    return [None if number <= DEPENDENT else run for number, run in zip(numbers, runs, strict=True)]


@given(st.dictionaries(WORDS, RUNS, max_size=31), st.lists(WORDS, min_size=1, max_size=31))
def test_what_is_added_is_found_and_nothing_else(known: dict[bytes, list[int] | None], others: list[bytes]) -> None:
    table = WordTable(31)
    words = list(known)
    for part in (words[:13], words[13:]):
        table.add(part, Runs.of([known[word] for word in part]))
    asked = [*words, *others, *words[::-1]]
    assert look_up(table, asked) == [known.get(word) for word in asked]
    unknown = [word not in known for word in asked]
    assert (find(table, asked) == UNKNOWN).tolist() == unknown
    assert len(table) == len(known)


def test_a_full_table_finds_all_that_collides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_table, "_MIX", (np.uint64(0), np.uint64(0)))  # every word belongs into the first slot
    table = WordTable(37)
    words = [str(number).encode() for number in range(37)]
    table.add(words[:17], Runs.of([[number] for number in range(17)]))
    table.add(words[17:], Runs.of([[number] for number in range(17, 37)]))
    assert look_up(table, [*words, b"37"]) == [*([number] for number in range(37)), None]


def test_a_word_that_is_there_stays() -> None:
    table = WordTable(7)
    table.add([b"a", b"sixteen bytes..."], Runs.of([[1], [2, 3]]))
    table.add([b"b", b"a"], Runs.of([[5], [7]]))
    assert look_up(table, [b"a", b"b", b"sixteen bytes..."]) == [[1], [5], [2, 3]]


def test_words_with_many_ids_make_the_table_grow() -> None:
    table = WordTable(5)
    runs = [list(range(start, start + 101)) for start in range(5)]
    for number, run in enumerate(runs):
        table.add([str(number).encode()], Runs.of([run]))
    assert look_up(table, [b"4", b"0", b"2"]) == [runs[4], runs[0], runs[2]]


def test_no_more_than_the_table_holds() -> None:
    table = WordTable(2)
    with pytest.raises(AssertionError, match=r"^3 words in a table of 2$"):
        table.add([b"a", b"b", b"c"], Runs.of([[1], [2], [3]]))


@given(st.dictionaries(WORDS, RUNS, min_size=1, max_size=31), WORDS, RUNS)
def test_an_enlarged_table_holds_the_same_and_more(
    known: dict[bytes, list[int] | None], new: bytes, run: list[int] | None
) -> None:
    table = WordTable(len(known))
    table.add(list(known), Runs.of(list(known.values())))
    larger = table.enlarged(len(known) + 1)
    larger.add([new], Runs.of([run]))
    assert look_up(larger, [*known, new]) == [*known.values(), known.get(new, run)]
    assert look_up(table, list(known)) == list(known.values())
