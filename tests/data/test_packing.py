"""Every sequence in exactly one batch, batches within the budget and almost full."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.packing import epoch_order, pack_indices


@given(st.lists(st.integers(1, 97), max_size=200), st.integers(97, 1009), st.integers(0, 5))
def test_every_sequence_is_in_one_batch_within_the_budget(lengths: list[int], max_tokens: int, epoch: int) -> None:
    batches = pack_indices(lengths, max_tokens, epoch_order(len(lengths), 7, epoch))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(0 < sum(lengths[index] for index in batch) <= max_tokens for batch in batches)


def test_batches_are_full_but_for_the_last() -> None:
    lengths = np.random.default_rng(0).integers(3, 128, 5003).tolist()
    batches = pack_indices(lengths, 1024, epoch_order(5003, 7, 0))
    filled = [sum(lengths[index] for index in batch) / 1024 for batch in batches]
    assert min(filled[:-8]) > 0.95
    assert sum(filled) / len(filled) > 0.98
    assert len(batches) <= np.ceil(sum(lengths) / 1024) + 8


def test_without_an_order_sequences_come_as_they_are() -> None:
    assert pack_indices([5, 5, 3, 2, 5], 10) == [[0, 1], [2, 3, 4]]


def test_a_gap_is_filled_by_the_next_sequence_that_fits() -> None:
    assert pack_indices([7, 7, 3, 4, 3], 10) == [[0, 2], [1, 4], [3]]


def test_a_batch_holds_sequences_near_each_other_in_the_order() -> None:
    lengths = np.random.default_rng(1).integers(3, 128, 5003).tolist()
    spread = [max(batch) - min(batch) for batch in pack_indices(lengths, 1024)[:-8]]
    assert np.median(spread) < 300


def test_no_sequences_make_no_batches() -> None:
    assert pack_indices([], 10, epoch_order(0, 7, 0)) == []


def test_a_sequence_above_the_budget_is_the_callers_mistake() -> None:
    with pytest.raises(AssertionError, match="sequence 1 has 11 tokens, above max_tokens = 10"):
        pack_indices([3, 11], 10)


@given(st.integers(1, 500), st.integers(0, 2**63), st.integers(0, 100))
def test_an_epoch_is_a_permutation(num: int, seed: int, epoch: int) -> None:
    assert np.sort(epoch_order(num, seed, epoch)).tolist() == list(range(num))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [epoch_order(1009, seed, epoch) for seed, epoch in ((7, 0), (7, 1), (8, 0))]
    assert epoch_order(1009, 7, 1).tolist() == orders[1].tolist()
    for i in range(3):
        assert (orders[i] == orders[i - 1]).sum() < 10
