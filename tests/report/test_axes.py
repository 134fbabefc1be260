"""Tick values, scales and tick labels."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.report.axes import (
    Scale,
    format_number,
    format_ticks,
    log_ticks,
    rounded_span,
    span,
    ticks,
)

finite = st.floats(-1e12, 1e12, allow_nan=False, allow_subnormal=False)


def test_a_scale_maps_its_ends_and_its_middle_whichever_way_it_runs() -> None:
    down = Scale(2.0, 10.0, 200.0, 100.0)
    assert [down(v) for v in (2, 6, 10, 12)] == [200.0, 150.0, 100.0, 75.0]
    decades = Scale(10.0, 1000.0, 0.0, 80.0, log=True)
    assert [decades(v) for v in (10, 100, 1000)] == pytest.approx([0.0, 40.0, 80.0])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.47, 0.81, [0.5, 0.6, 0.7, 0.8]),
        (1, 3000, [1000, 2000, 3000]),
        (2.6, 9.8, [4, 6, 8]),
        (-0.3, 0.3, [-0.2, 0.0, 0.2]),
        (0, 0.0005, [0, 1e-4, 2e-4, 3e-4, 4e-4, 5e-4]),
        (1e6, 7e6, [2e6, 4e6, 6e6]),
    ],
)
def test_ticks_are_round_and_inside(low: float | int, high: float | int, expected: list[float]) -> None:
    assert ticks(float(low), float(high)) == expected


def test_ticks_of_whole_numbers_have_no_fractions() -> None:
    assert ticks(1.0, 3.0, whole=True) == [1.0, 2.0, 3.0]
    assert ticks(4.5, 5.5, whole=True) == [5.0]


@given(st.tuples(finite, finite))
def test_ticks_stay_inside_and_are_evenly_spaced(ends: tuple[float, float]) -> None:
    low, high = span(ends)
    values = ticks(low, high)
    room = 1e-6 * (high - low)
    assert 2 <= len(values) <= 7
    assert all(low - room <= value <= high + room for value in values)
    gaps = [b - a for a, b in pairwise(values)]
    assert max(gaps) - min(gaps) <= 1e-3 * max(gaps)
    mantissa = gaps[0] / 10.0 ** math.floor(math.log10(gaps[0] * 1.001))
    assert min(abs(mantissa - nice) for nice in (1, 2, 5)) < 1e-2


@given(st.lists(finite, min_size=1, max_size=7))
def test_a_rounded_span_holds_every_value(values: list[float]) -> None:
    low, high = rounded_span(values)
    room = 1e-6 * (high - low)
    assert low < high
    assert low - room <= min(values)
    assert max(values) <= high + room


def test_a_single_value_gets_room_on_both_sides() -> None:
    assert span([5, 5]) == (4.5, 5.5)
    assert span([0]) == (-1.0, 1.0)
    assert span([-2.0]) == (-2.2, -1.8)
    assert span([8], log=True) == (4.0, 16.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.0, 1000.0, [1, 10, 100, 1000]),
        (3.0, 250.0, [5, 10, 20, 50, 100, 200]),
        (6.0, 9.0, [6, 9]),
        (0.01, 1.0, [0.01, 0.1, 1.0]),
    ],
)
def test_logarithmic_ticks(low: float, high: float, expected: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.0, 0.5, 1.0], ["0", "0.5", "1.0"]),
        ([0.25, 0.5], ["0.25", "0.50"]),
        ([-2.0, 0.0, 2.0], ["-2", "0", "2"]),
        ([0.0, 1000.0, 3000.0], ["0", "1000", "3000"]),
        ([0.0, 5000.0, 10000.0], ["0", "5k", "10k"]),
        ([0.0, 500_000.0, 1_000_000.0], ["0", "0.5M", "1.0M"]),
        ([1e9, 2e9], ["1B", "2B"]),
        ([0.0, 1e-4, 2e-4], ["0", "1e-4", "2e-4"]),
        ([2.5e-5], ["2.5e-5"]),
    ],
)
def test_tick_labels_share_one_style(values: list[float], texts: list[str]) -> None:
    assert format_ticks(values) == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [(12000, "12,000"), (0.84213, "0.8421"), (3e-05, "3e-05"), (1234.56, "1,234.6"), (7.0, "7"), (-0.5, "-0.5")],
)
def test_single_numbers(value: float | int, text: str) -> None:
    assert format_number(value) == text
