"""Repeated lines and runs, against the obvious way to find them."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.steps.repeats import Documents, Runs, repeated

DOCUMENTS = st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=17), min_size=1, max_size=4)


def most_frequent(words: list[str], size: int) -> int:
    """datatrove's `find_top_duplicate`."""
    grams = Counter(" ".join(words[i : i + size]) for i in range(len(words) - size + 1))
    if not grams:
        return 0
    gram, count = grams.most_common(1)[0]
    return len(gram) * count


def repeated_runs(words: list[str], size: int) -> int:
    """datatrove's `find_all_duplicate`."""
    seen: set[tuple[str, ...]] = set()
    found = place = 0
    while place < len(words) - size + 1:
        run = tuple(words[place : place + size])
        if run in seen:
            found += len("".join(run))
            place += size
        else:
            seen.add(run)
            place += 1
    return found


def runs_of(made: Documents, largest: int) -> Iterator[Runs]:
    runs = made.pairs()
    while runs.size <= largest:
        yield runs
        runs = made.longer(runs)


@pytest.mark.parametrize("place_bits", [None, 61])
@given(documents=DOCUMENTS)
def test_most_frequent_and_repeated_runs(place_bits: int | None, documents: list[list[str]]) -> None:
    made = Documents([" ".join(words) for words in documents])
    made._place_bits = place_bits or made._place_bits  # so many that keys and places do not fit into one number
    for runs in runs_of(made, 7):
        assert made.most_frequent(runs).tolist() == [most_frequent(words, runs.size) for words in documents]
        assert made.repeated(runs).tolist() == [repeated_runs(words, runs.size) for words in documents]


@given(documents=DOCUMENTS, bits=st.integers(2, 50))
def test_keys_of_any_size_tell_runs_apart(documents: list[list[str]], bits: int) -> None:
    """With numbers of words of up to so many bits: two of them side by side may be more than a key has."""
    made = Documents([" ".join(words) for words in documents])
    made._words = made._words << (bits - 2)
    made._num_distinct = 1 << bits
    for runs in runs_of(made, 4):
        assert made.most_frequent(runs).tolist() == [most_frequent(words, runs.size) for words in documents]
        assert made.repeated(runs).tolist() == [repeated_runs(words, runs.size) for words in documents]


@given(DOCUMENTS)
def test_words_covered_are_at_least_as_many_as_repeated_in_any_longer_run(documents: list[list[str]]) -> None:
    made = Documents([" ".join(words) for words in documents])
    for runs in runs_of(made, 4):
        covered = made.covered(runs)
        for longer in runs_of(made, 9):
            assert longer.size < runs.size or (made.repeated(longer) <= covered).all()


@given(DOCUMENTS, st.integers(0, 3))
def test_within_some_documents(documents: list[list[str]], chosen: int) -> None:
    made = Documents([" ".join(words) for words in documents])
    some = np.arange(len(documents)) == chosen
    for runs in runs_of(made, 3):
        found = made.repeated(made.longer(made.within(runs, some)))
        assert found.tolist() == (made.repeated(made.longer(runs)) * some).tolist()


@given(st.lists(st.sampled_from(["", "a", "bb", "ccc"])))
def test_repeated_lines(lines: list[str]) -> None:
    seen: set[str] = set()
    again = [line for line in lines if line in seen or seen.add(line)]  # type: ignore[func-returns-value]
    assert repeated(lines) == (len(again), len("".join(again)))
