"""Parts in their proportions, in any stretch, and any place at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.mixture import CYCLE, Mixture

weight = st.floats(0.01, 100.0)


@given(st.lists(weight, min_size=1, max_size=7), st.integers(0, 2**63), st.integers(0, 300))
def test_each_parts_own_places_come_in_order_and_none_is_left_out(
    weights: list[float], seed: int, start: int
) -> None:
    mixture = Mixture(weights, seed, cycle=31)
    part, own = mixture.locate(np.arange(0, 331))
    for number in range(len(mixture)):
        assert own[part == number].tolist() == list(range((part == number).sum()))
    again = mixture.locate(np.arange(start, 331))
    assert (again[0] == part[start:]).all()
    assert (again[1] == own[start:]).all()


def test_places_may_be_asked_for_in_any_order() -> None:
    mixture = Mixture([2.0, 3.0, 5.0], seed=7, cycle=101)
    part, own = mixture.locate(np.arange(997))
    shuffled = np.random.default_rng(0).permutation(997)
    again = mixture.locate(shuffled)
    assert (again[0] == part[shuffled]).all()
    assert (again[1] == own[shuffled]).all()


def test_the_shares_are_those_of_the_weights() -> None:
    weights = np.array([0.5, 0.3, 0.15, 0.05])
    counts = Mixture((weights * 7).tolist(), seed=1).turns
    assert counts.sum() == CYCLE
    assert np.abs(counts / CYCLE - weights).max() < len(weights) / CYCLE


def test_the_shares_hold_for_any_stretch() -> None:
    weights = np.array([0.6, 0.3, 0.1])
    part, _ = Mixture(weights.tolist(), seed=3).locate(np.arange(5000))
    for number, share in enumerate(weights):
        taken = np.cumsum(part == number)
        assert np.abs(taken - share * np.arange(1, 5001)).max() <= 2.0


def test_a_part_that_hardly_weighs_anything_has_its_turn() -> None:
    mixture = Mixture([1e9, 1.0], seed=1, cycle=97)
    assert mixture.turns.tolist() == [96, 1]


def test_the_seed_decides_the_order() -> None:
    places = np.arange(211)
    one, other = (Mixture([1.0, 1.0], seed).locate(places)[0] for seed in (1, 2))
    assert (one != other).any()
    assert (one == Mixture([1.0, 1.0], 1).locate(places)[0]).all()


def test_the_millionth_cycle_is_as_near_as_the_first() -> None:
    mixture = Mixture([1.0, 2.0], seed=1, cycle=3)
    part, own = mixture.locate(np.array([3 * 10**12, 3 * 10**12 + 1, 3 * 10**12 + 2]))
    assert sorted(part.tolist()) == [0, 1, 1]
    assert sorted(own.tolist()) == sorted([10**12, 2 * 10**12, 2 * 10**12 + 1])


@pytest.mark.parametrize("weights", [[], [1.0, 0.0], [1.0, -1.0], [float("nan")], [float("inf"), 1.0], [1.0] * 12])
def test_weights_that_are_none(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="1 to 11 finite positive numbers are allowed"):
        Mixture(weights, seed=1, cycle=11)
