"""Counts of hashes against a plain dictionary."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.occurrences import Occurrences

CALLS = st.lists(st.lists(st.integers(0, 13), max_size=23), max_size=11)


@given(CALLS)
def test_as_a_dictionary_counts(calls: list[list[int]]) -> None:
    found, seen = Occurrences(), Counter[int]()
    for call in calls:
        expected = []
        for key in call:
            expected.append(seen[key])
            seen[key] += 1
        assert found.before(np.array(call, np.uint64)).tolist() == expected


def test_many_hashes_lie_in_few_runs() -> None:
    found = Occurrences()
    hashes = np.random.default_rng(7).integers(0, 2**64, 99_991, np.uint64)
    for part in np.array_split(hashes, 101):
        assert not found.before(part).any()
    assert (found.before(hashes[::-1]) == 1).all()
    assert len(found._runs) < 9
    assert sum(len(keys) for keys, _ in found._runs) < 3 * len(hashes)
