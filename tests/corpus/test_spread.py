import json
import math
import sys
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from encodery.corpus.spread import NEAREST, Side, Spread, bin_edges, bin_of

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@example(sys.float_info.max)
@example(sys.float_info.min)
@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_a_value_lies_within_the_edges_of_its_bin(value: float) -> None:
    low, high = bin_edges(bin_of(value))
    assert low <= value <= high
    if value > 0:
        assert value < high
    if value < 0:
        assert low < value


@given(st.floats(0, sys.float_info.min))
def test_a_subnormal_value_is_no_further_than_the_edges(value: float) -> None:
    for signed in (value, -value):
        low, high = bin_edges(bin_of(signed))
        assert low <= signed <= high


@given(FINITE, FINITE)
def test_bins_are_in_the_order_of_values(a: float, b: float) -> None:
    if a <= b:
        assert bin_of(a) <= bin_of(b)


@given(st.floats(1e-300, 1e300))
def test_a_bin_is_no_wider_than_a_thirtysecond_of_its_values(value: float) -> None:
    low, high = bin_edges(bin_of(value))
    assert high - low <= low / 31.99


@pytest.mark.parametrize("value", [0.5, 0.75, 1.0, 2.0, 3.0, 50.0, 64.0, -2.0, sys.float_info.max, 5e-324])
def test_neighbouring_bins_touch(value: float) -> None:
    index = bin_of(value)
    assert bin_edges(index)[0] == bin_edges(index - 1)[1] or abs(index) == 1


def test_zero_has_a_bin_of_its_own() -> None:
    assert bin_of(0.0) == bin_of(-0.0) == bin_of(0) == 0
    assert bin_edges(0) == (0.0, 0.0)
    assert bin_of(5e-324) > 0 > bin_of(-5e-324)


def test_whole_numbers_and_floats_are_the_same() -> None:
    assert bin_of(7) == bin_of(7.0)


def sample(name: str) -> dict[str, str]:
    return {"source": name}


def seen(side: Side) -> list[str]:
    return [found["source"] for _, _, found in side.samples]


def test_a_side_keeps_the_nearest_and_counts_all() -> None:
    side = Side()
    for distance in (0.7, 0.2, 0.5, 0.11, 0.3):
        side.see(distance, lambda: 1, lambda d=distance: sample(str(d)))  # type: ignore[misc]
    assert side.count == 5
    assert seen(side) == ["0.11", "0.2", "0.3"]


def test_between_equals_the_smaller_hash_is_kept() -> None:
    side = Side()
    for key in (11, 3, 7, 2, 5):
        side.see(0.0, lambda k=key: k, lambda k=key: sample(str(k)))  # type: ignore[misc]
    assert seen(side) == ["2", "3", "5"]


def test_what_is_too_far_is_neither_hashed_nor_sampled() -> None:
    side = Side()
    for key in range(NEAREST):
        side.see(0.1, lambda k=key: k, lambda: sample("near"))  # type: ignore[misc]

    def never() -> int:
        raise AssertionError("asked for something that cannot be kept")

    side.see(0.2, never, lambda: sample("far"))
    assert side.count == NEAREST + 1


def filled(values: list[float], threshold: float = 0.5) -> Spread:
    spread = Spread()
    for value in values:
        spread.bins[bin_of(value)] += 1
        side = spread.sides(threshold)[value >= threshold]
        side.see(abs(value - threshold), lambda v=value: int(v * 1e6), lambda v=value: {"value": v})  # type: ignore[misc]
    return spread


@given(st.lists(st.floats(0.0, 1.0).map(lambda v: round(v, 6)), unique=True), st.integers(0, 30))
def test_a_sum_does_not_depend_on_who_counted_what(values: list[float], cut: int) -> None:
    first, second = filled(values[:cut]), filled(values[cut:])
    second.add(first)
    whole = filled(values)
    whole.sides(0.5)
    assert second == whole or not values


def test_sums_of_different_thresholds_have_both() -> None:
    spread = filled([0.1, 0.9], threshold=0.2)
    spread.add(filled([0.3], threshold=0.4))
    assert {t: (a.count, b.count) for t, (a, b) in spread.edges.items()} == {0.2: (1, 1), 0.4: (1, 0)}
    assert spread.count == 3


def test_json_both_ways() -> None:
    spread = filled([0.0, 0.1, 0.5, 0.5, 0.99, 117.0])
    spread.other = 2
    assert Spread.from_json(json.loads(json.dumps(spread.to_json()))) == spread


def test_json_has_bins_in_order_and_thresholds_as_they_were_given() -> None:
    written = filled([3.0, -1.0, 0.0], threshold=0.1).to_json()
    assert [int(index) for index in written["bins"]] == sorted([bin_of(-1.0), 0, bin_of(3.0)])
    assert list(written["edges"]) == ["0.1"]


def test_quantiles_are_found_within_a_bin() -> None:
    spread = Spread(Counter(bin_of(value) for value in range(1, 101)))
    assert bin_edges(bin_of(30))[0] == spread.quantile(0.3)
    assert math.isclose(spread.quantile(1.0), 100, rel_tol=0.03)
    assert Spread().quantile(0.5) == 0.0
