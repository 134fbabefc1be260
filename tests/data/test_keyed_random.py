"""Draws that are named, not drawn: same names same draws, other names independent ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.keyed_random import below, extend, keyed_uint64, keyed_uniform, permute, uniform


def chi_square(counts: np.ndarray, expected: float) -> float:
    """Distance of counts from uniform, in standard deviations of the chi-square distribution."""
    freedom = counts.size - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


def test_draws_are_the_same_on_every_machine_and_in_every_version() -> None:
    assert int(keyed_uint64(17, 3)) == 6481417213096140847
    assert keyed_uint64(17, np.arange(3)).tolist()[2] == int(keyed_uint64(17, 2))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
def test_extending_names_the_same_draw(keys: list[int]) -> None:
    assert int(extend(keyed_uint64(*keys), 11)) == int(keyed_uint64(*keys, 11))


def test_keys_broadcast_and_a_draw_does_not_depend_on_its_neighbours() -> None:
    sequences, positions = np.arange(13)[:, None], np.arange(31)
    grid = keyed_uint64(7, sequences, positions)
    assert grid.shape == (13, 31)
    assert int(grid[5, 17]) == int(keyed_uint64(7, 5, 17))
    assert int(grid[5, 17]) == int(keyed_uint64(7, np.array([5]), np.array([17]))[0])


def test_the_order_of_keys_matters_and_negative_keys_are_keys() -> None:
    assert int(keyed_uint64(1, 2)) != int(keyed_uint64(2, 1))
    assert int(keyed_uint64(-1)) == int(keyed_uint64(2**64 - 1)) == int(keyed_uint64(np.array(-1)))
    assert int(keyed_uint64(-1)) != int(keyed_uint64(1))


def test_draws_do_not_collide_over_a_grid_of_small_keys() -> None:
    draws = keyed_uint64(np.arange(5)[:, None, None], np.arange(101)[:, None], np.arange(211))
    assert np.unique(draws).size == draws.size


@pytest.mark.parametrize("axis", range(3))
def test_draws_are_uniform_along_every_key(axis: int) -> None:
    keys = [3, 5, 7]
    numbers = keyed_uniform(*(np.arange(100_003) if place == axis else key for place, key in enumerate(keys)))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert abs(chi_square(np.bincount((numbers * 97).astype(int), minlength=97), 100_003 / 97)) < 5


def test_neighbouring_draws_are_independent() -> None:
    numbers = keyed_uniform(1, np.arange(211)[:, None], np.arange(499))
    for other in (np.roll(numbers, 1, axis=0), np.roll(numbers, 1, axis=1)):
        cells = (numbers * 11).astype(int) * 11 + (other * 11).astype(int)
        assert abs(chi_square(np.bincount(cells.ravel(), minlength=121), numbers.size / 121)) < 5


def test_every_bit_of_the_draws_is_fair() -> None:
    bits = np.unpackbits(keyed_uint64(5, np.arange(20_011)).view(np.uint8).reshape(-1, 8), axis=1)
    assert abs(bits.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(20_011)


def test_below_stays_below_and_is_uniform() -> None:
    draws = keyed_uint64(0, np.arange(70_001))
    counts = np.bincount(below(draws, 7))
    assert counts.size == 7
    assert abs(chi_square(counts, 10_000.1)) < 5
    bounds = np.arange(1, 70_002)
    assert (below(draws, bounds) < bounds).all()


def test_uniform_never_reaches_one() -> None:
    assert uniform(np.array([0, 2**64 - 1], np.uint64)).tolist() == [0.0, 1 - 2**-53]


@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_a_permutation_holds_every_element_once(size: int, seed: int) -> None:
    assert np.sort(permute(np.arange(size), size, seed)).tolist() == list(range(size))


@given(st.integers(1, 10**12), st.data())
def test_elements_come_one_at_a_time_or_together(size: int, data: st.DataObject) -> None:
    index = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=5)))
    together = permute(index, size, 3)
    assert (together >= 0).all()
    assert (together < size).all()
    assert together.tolist() == [int(permute(index[i : i + 1], size, 3)[0]) for i in range(len(index))]


def test_a_seed_for_each_element_is_that_seed_for_it() -> None:
    seeds = np.array([5, 6, 5, 6])
    mixed = permute(np.array([3, 3, 8, 8]), 11, seeds)
    assert mixed.tolist() == [int(permute(np.array([i]), 11, s)[0]) for i, s in ((3, 5), (3, 6), (8, 5), (8, 6))]


@pytest.mark.parametrize("size", [2, 3, 5, 13])
def test_every_element_comes_at_every_place_equally_often(size: int) -> None:
    num_seeds = 20_011
    places = np.tile(np.arange(size), num_seeds)
    elements = permute(places, size, np.repeat(np.arange(num_seeds), size))
    counts = np.bincount(places * size + elements, minlength=size * size)
    assert abs(counts - num_seeds / size).max() < 5 * np.sqrt(num_seeds / size)


def test_orders_of_two_seeds_have_nothing_in_common() -> None:
    index = np.arange(10_007)
    first, second = permute(index, 10_007, 1), permute(index, 10_007, 2)
    assert (first == second).sum() < 10
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.05


@given(st.lists(st.tuples(st.integers(1, 10**12), st.integers(0, 2**62)), min_size=1, max_size=7))
def test_elements_of_several_permutations_are_those_of_each(sizes: list[tuple[int, int]]) -> None:
    index = np.array([size - 1 for size, _ in sizes])
    together = permute(index, np.array([size for size, _ in sizes]), np.array([seed for _, seed in sizes]))
    alone = [permute(np.array([size - 1]), size, seed).item() for size, seed in sizes]
    assert together.tolist() == alone


def test_a_permutation_is_the_one_it_always_was() -> None:
    """A changed order would change every training: these are from the first version."""
    assert permute(np.arange(11), 11, 7).tolist() == [0, 7, 8, 4, 9, 10, 6, 1, 2, 3, 5]
