"""Histograms, read back as XML and as columns: every value is in one, thresholds stand where they are."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.spread import Spread, bin_edges, bin_of
from encodery.report.histogram import BARS, columns_of, histogram, is_share, is_wide

from .drawing import Drawing


def spread_of(*values: float, thresholds: tuple[float, ...] = ()) -> Spread:
    spread = Spread()
    for value in values:
        spread.bins[bin_of(value)] += 1
        for threshold in thresholds:
            spread.sides(float(threshold))[value >= threshold].count += 1
    return spread


def draw(spread: Spread) -> Drawing:
    return Drawing(histogram(spread, "gopher/words", "words"))


def lines(drawing: Drawing) -> list[float]:
    dashed = (line.attrib for line in drawing.elements("line") if "dasharray" in line.attrib["style"])
    return [float(line["x1"]) for line in dashed]


SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=97)
ANY = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=97)
LENGTHS = st.lists(st.integers(1, 10**6).map(float), min_size=1, max_size=97)


@given(SCORES | ANY)
def test_every_value_is_in_one_column_of_equal_width(values: list[float]) -> None:
    spread = spread_of(*values)
    columns = columns_of(spread, log=False)
    assert sum(column.count for column in columns) == len(values)
    assert len({column.high - column.low for column in columns}) == 1
    for index in spread.bins:
        low, high = bin_edges(index)
        assert any(column.low <= low and high <= column.high for column in columns), (low, high)


@given(LENGTHS)
def test_every_value_is_in_one_column_of_the_logarithm(values: list[float]) -> None:
    columns = columns_of(spread_of(*values), log=True)
    assert sum(column.count for column in columns) == len(values)
    assert all(a.high <= b.low for a, b in pairwise(columns))
    assert all(any(c.low <= value < c.high for c in columns) for value in values)


def test_there_are_not_too_many_columns() -> None:
    chance = random.Random(7)
    assert len(columns_of(spread_of(*(chance.random() for _ in range(5000))), log=False)) <= BARS + 1
    assert len(columns_of(spread_of(*(chance.lognormvariate(5, 3) for _ in range(5000))), log=True)) <= BARS + 1


@pytest.mark.parametrize(
    ("values", "wide"),
    [
        ((0.001, 0.5, 1.0), False),
        ((3.0, 4.0, 60.0), False),
        ((1.0, 7.0, 5000.0), True),
        ((0.0, 0.0, 0.0, 1.0, 5000.0), False),
        ((0.0, 1.0, 7.0, 5000.0), True),
        ((-1.0, 1.0, 5000.0), False),
        ((0.0,), False),
        ((), False),
    ],
)
def test_the_axis_is_logarithmic_where_values_differ_by_much(values: tuple[float, ...], wide: bool) -> None:
    assert is_wide(spread_of(*values)) is wide


@pytest.mark.parametrize(
    ("values", "share"),
    [((0.97, 1.0), True), ((0.0, 0.6), True), ((0.01, 0.3), False), ((0.5, 1.1), False), ((), False)],
)
def test_shares_have_an_axis_from_nothing_to_all(values: tuple[float, ...], share: bool) -> None:
    assert is_share(spread_of(*values)) is share


def test_the_axis_of_a_share_is_whole() -> None:
    assert {"0", "0.5", "1.0"} <= set(draw(spread_of(0.98, 1.0)).texts)


def test_thresholds_stand_among_the_columns() -> None:
    drawing = draw(spread_of(10, 20, 30, 40, thresholds=(25, 35)))
    first, second = lines(drawing)
    rects = [float(rect.attrib["x"]) for rect in drawing.elements("rect")]
    assert rects[1] < first < rects[2] < second < rects[3]
    assert {"25", "35"} <= set(drawing.texts)
    assert drawing.hovers == ["threshold 25", "threshold 35"]


def test_a_threshold_that_no_value_reaches_is_drawn_as_well() -> None:
    [at] = lines(draw(spread_of(0.1, 0.2, thresholds=(0.9,))))
    assert 0 < at <= 480


def test_a_threshold_that_a_logarithm_lacks_is_only_said() -> None:
    drawing = draw(spread_of(1, 10, 1000, thresholds=(0,)))
    assert lines(drawing) == []
    assert "Threshold 0: 0 values below, 3 from it on." in (drawing.description or "")


def test_what_it_shows_is_said() -> None:
    drawing = draw(spread_of(0.25, 0.5, 0.75, thresholds=(0.5,)))
    said = "Histogram of words: 3 values, half of them below 0.5. Threshold 0.5: 1 values below, 2 from it on."
    assert drawing.title == "gopher/words"
    assert drawing.description == said


def test_columns_name_their_values() -> None:
    titles = [
        rect.findtext("{http://www.w3.org/2000/svg}title") for rect in draw(spread_of(1, 1, 3)).elements("rect")
    ]
    assert titles == ["1 to 1.062: 2", "3 to 3.062: 1"]


def test_on_a_logarithm_the_area_is_the_count() -> None:
    rects = [rect.attrib for rect in draw(spread_of(*[1.0] * 8, *[1000.0] * 8, 60_000.0)).elements("rect")]
    areas = [(float(rect["width"]) + 0.5) * float(rect["height"]) for rect in rects]
    assert areas[0] == pytest.approx(areas[1], rel=0.1)


def test_without_values_it_says_so() -> None:
    assert "no data" in draw(Spread()).texts
