"""Shuffling in blocks: a permutation, whose neighbours come from few places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.block_shuffle import BlockShuffle
from encodery.data.keyed_random import keyed_uint64
from encodery.errors import UserError

SPAN = 7


def order(size: int, block: int, blocks: int, seed: int = 3) -> np.ndarray:
    index = np.arange(size)
    seeds = np.broadcast_to(keyed_uint64(seed), index.shape)
    return BlockShuffle(block_tokens=block * SPAN, blocks=blocks).permute(index, size, seeds, SPAN)


@given(size=st.integers(1, 400), block=st.integers(1, 53), blocks=st.integers(2, 11))
def test_every_window_once_and_any_place_at_once(size: int, block: int, blocks: int) -> None:
    whole = order(size, block, blocks)
    assert sorted(whole.tolist()) == list(range(size))
    shuffle = BlockShuffle(block_tokens=block * SPAN, blocks=blocks)
    places = np.arange(size)[::-3]
    seeds = np.broadcast_to(keyed_uint64(3), places.shape)
    assert (shuffle.permute(places, size, seeds, SPAN) == whole[places]).all()


@given(size=st.integers(1, 2000), block=st.integers(1, 53), blocks=st.integers(2, 11))
def test_a_group_reads_few_blocks(size: int, block: int, blocks: int) -> None:
    whole = order(size, block, blocks)
    groups = max(1, size // block // blocks)
    for group in range(groups):
        last = group == groups - 1
        windows = whole[group * block * blocks : None if last else (group + 1) * block * blocks]
        touched = len(np.unique(windows // block))
        assert touched <= (2 * blocks if last else blocks)  # the last takes in what is left
        if not last:
            assert touched == blocks


def test_seeds_and_sizes_of_their_own_for_each_element() -> None:
    shuffle = BlockShuffle(block_tokens=5 * SPAN, blocks=3)
    sizes = np.repeat([31, 101, 4], [31, 101, 4])
    index = np.concatenate([np.arange(31), np.arange(101), np.arange(4)])
    seeds = keyed_uint64(np.repeat([1, 2, 3], [31, 101, 4]))
    found = shuffle.permute(index, sizes, seeds, SPAN)
    for size, seed, part in zip((31, 101, 4), (1, 2, 3), np.split(found, [31, 132]), strict=True):
        assert (part == order(size, 5, 3, seed)).all()


def test_blocks_and_windows_are_both_in_a_random_order() -> None:
    size, block, blocks = 4 * 13 * 17, 17, 13
    one, other = order(size, block, blocks, seed=1), order(size, block, blocks, seed=2)
    assert (one != other).mean() > 0.9
    first = np.unique(one[: block * blocks] // block)
    assert (np.diff(first) > 1).any()  # not neighbours
    runs = np.flatnonzero(np.diff(one) == 1)
    assert len(runs) < size / 10


def test_the_spread_of_a_kind_of_text_is_what_is_said() -> None:
    """Half of the blocks are of one kind: its share in a group varies by sqrt(1/4 / blocks), no more."""
    block, blocks, groups = 11, 16, 64
    size = block * blocks * groups
    deviations = []
    for seed in range(8):
        kind = order(size, block, blocks, seed) < size // 2
        deviations.append(kind.reshape(groups, -1).mean(1).std())
    assert np.mean(deviations) == pytest.approx(np.sqrt(0.25 / blocks), rel=0.15)


def test_settings_that_are_refused() -> None:
    with pytest.raises(UserError, match=r"blocks = 1: input should be greater than or equal to 2"):
        BlockShuffle.parse({"blocks": 1}, "recipe.toml")
