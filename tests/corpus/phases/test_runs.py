"""Sorted runs and their ranges: nothing is lost between them, whatever their size."""

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.phases import runs
from encodery.corpus.phases.runs import KEYS, Range, Records, RunFile, ranges_of

keys = st.lists(st.integers(0, KEYS - 1) | st.sampled_from([0, 1, 1 << 63, KEYS - 1]), min_size=1, max_size=23)


def records(values: list[int]) -> Records:
    places = np.arange(len(values), dtype=np.uint32)
    return Records(np.array(values, np.uint64), places // 3, places).sorted()


@given(st.lists(st.tuples(st.integers(0, 2), keys), max_size=5), st.integers(1, 13))
def test_the_ranges_of_all_groups_are_all_records(written: list[tuple[int, list[int]]], at_once: int) -> None:
    with TemporaryDirectory() as folder, mock.patch.object(runs, "RECORDS_AT_ONCE", at_once):
        file = RunFile(Path(folder) / "hashes.bin")
        for group, values in written:
            file.write(group, records(values))
        file.finish()
        again = RunFile(Path(folder) / "hashes.bin")
        sizes = {group: sum(len(values) for of, values in written if of == group) for group, _ in written}
        assert again.sizes() == sizes
        found = [
            (part.group, key, place)
            for task in ranges_of(sizes)
            for part in task
            for run in again.read(part.group, part.start, part.end)
            for key, place in zip(run.keys.tolist(), run.places.tolist(), strict=True)
        ]
    expected = [(group, key, place) for group, values in written for place, key in enumerate(values)]
    assert sorted(found) == sorted(expected)


@given(st.dictionaries(st.integers(0, 300), st.integers(0, 10**12), max_size=7), st.integers(1, 10**9))
def test_a_task_has_no_more_than_it_can_hold(sizes: dict[int, int], at_once: int) -> None:
    sizes = {group: min(size, 40 * at_once) for group, size in sizes.items()}
    with mock.patch.object(runs, "RECORDS_AT_ONCE", at_once):
        tasks = ranges_of(sizes)
    for task in tasks:
        spans = ((part.end - part.start) / KEYS * sizes[part.group] for part in task)
        assert sum(spans) <= at_once * 1.000001
    parts = sorted((part for task in tasks for part in task), key=lambda part: (part.group, part.start))
    for group, size in sizes.items():
        of_group = [part for part in parts if part.group == group]
        assert bool(of_group) == bool(size)
        if size:
            assert [part.start for part in of_group] == [0, *(part.end for part in of_group[:-1])]
            assert of_group[-1].end == KEYS


def test_little_is_one_task() -> None:
    assert ranges_of({0: 3, 1: 5}) == [[Range(0, 0, KEYS), Range(1, 0, KEYS)]]
    assert ranges_of({}) == ranges_of({0: 0}) == []


def test_equal_keys_stay_in_order() -> None:
    assert records([5, 3, 5, 3, 5]).places.tolist() == [1, 3, 0, 2, 4]
