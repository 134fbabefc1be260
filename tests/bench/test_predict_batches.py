"""What peers get in one call."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.bench.predict_batches import POSITIONS_PER_BATCH, TEXTS_PER_BATCH, How, batches

LENGTHS = st.lists(st.integers(1, 384), min_size=1, max_size=127)
WAYS: tuple[How, ...] = ("arrival", "sorted", "sorted-tokens", "offline")


@pytest.mark.parametrize("how", WAYS)
@given(lengths=LENGTHS)
def test_every_text_is_in_one_batch(how: How, lengths: list[int]) -> None:
    groups = batches(lengths, how)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    assert all(groups)


@given(lengths=LENGTHS)
def test_arrival_keeps_the_order(lengths: list[int]) -> None:
    groups = batches(lengths, "arrival")
    assert [index for group in groups for index in group] == list(range(len(lengths)))
    assert all(len(group) == TEXTS_PER_BATCH for group in groups[:-1])


@pytest.mark.parametrize("how", WAYS[1:3])
@given(lengths=LENGTHS)
def test_sorted_ones_rise(how: How, lengths: list[int]) -> None:
    ordered = [lengths[index] for group in batches(lengths, how) for index in group]
    assert ordered == sorted(lengths)


@given(lengths=LENGTHS)
def test_positions_are_bounded_and_used(lengths: list[int]) -> None:
    groups = batches(lengths, "sorted-tokens")
    sizes = [len(group) * max(lengths[index] for index in group) for group in groups]
    assert all(size <= POSITIONS_PER_BATCH for size in sizes)
    for group, following in pairwise(groups):  # the next text would not have fitted
        assert (len(group) + 1) * lengths[following[0]] > POSITIONS_PER_BATCH


def test_offline_is_one_call() -> None:
    assert batches([5, 3, 7], "offline") == [[0, 1, 2]]
