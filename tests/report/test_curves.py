"""Line charts, read back as XML: where points land, what gaps and long series become, what is said about them."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.report.axes import ReferenceLine
from encodery.report.curves import MAX_DOTS, MAX_HOVERS, MAX_POINTS, Series, line_chart

from .drawing import Drawing

HOSTILE = "</text><script>alert('1')</script> & \"quotes\" \x00\x0b"


def draw(*series: Series, references: tuple[ReferenceLine, ...] = (), log_x: bool = False) -> Drawing:
    return Drawing(line_chart(series, "Loss", "step", "nats", references, log_x))


def test_points_land_between_the_ticks_they_lie_between() -> None:
    drawing = draw(Series("training", [0, 10, 20, 40], [2.0, 4.0, 6.0, 10.0]))
    [curve] = drawing.curves
    x0, x40 = curve[0][0], curve[-1][0]
    y2, y10 = curve[0][1], curve[-1][1]
    assert x40 > x0
    assert y10 < y2
    assert curve[1] == pytest.approx((x0 + (x40 - x0) / 4, y2 + (y10 - y2) / 4), abs=0.06)
    assert curve[2] == pytest.approx((x0 + (x40 - x0) / 2, y2 + (y10 - y2) / 2), abs=0.06)
    # a tick label stands on the height of its value
    assert drawing.at("2")[1] == pytest.approx(y2 + 4, abs=0.06)
    assert drawing.at("6")[1] == pytest.approx(curve[2][1] + 4, abs=0.06)
    assert drawing.at("30")[0] == pytest.approx(x0 + (x40 - x0) * 3 / 4, abs=0.06)


def test_the_texts_of_a_chart() -> None:
    drawing = draw(Series("training", [0, 40], [0.5, 1.0]))
    assert drawing.title == "Loss"
    assert drawing.texts == [
        "Loss",
        "nats",
        "0.5",
        "0.6",
        "0.7",
        "0.8",
        "0.9",
        "1.0",
        "0",
        "10",
        "20",
        "30",
        "40",
        "step",
    ]
    assert drawing.root.attrib["role"] == "img"
    assert drawing.root.attrib["aria-label"] == "Loss"
    assert drawing.description == (
        "Line chart of nats over step. training: 2 values from 0.5 to 1, lowest 0.5, highest 1."
    )


def test_one_series_needs_no_legend_and_several_have_one_that_wraps() -> None:
    names = [f"a name for series {i}" for i in range(5)]
    drawing = draw(*(Series(name, [1, 2], [i, i + 1]) for i, name in enumerate(names)))
    places = [drawing.at(name) for name in names]
    assert [x for x, _ in places[::2]] == [28.0] * 3
    assert [y for _, y in places] == [58.0, 58.0, 78.0, 78.0, 98.0]
    assert "training" not in draw(Series("training", [1, 2], [1, 2])).texts


def test_series_have_their_own_colours_that_the_page_can_set() -> None:
    drawing = draw(*(Series(str(i), [1, 2], [i, i + 1]) for i in range(7)))
    styles = [path.attrib["style"] for path in drawing.elements("path")]
    assert [style.split("stroke:")[1].split(",")[0] for style in styles] == [
        f"var(--series-{i}" for i in (1, 2, 3, 4, 5, 6, 1)
    ]


def test_a_reference_line_lies_at_its_value_and_widens_the_axis() -> None:
    drawing = draw(Series("validation", [1, 2], [2.0, 4.0]), references=(ReferenceLine("unigram entropy", 6.83),))
    [line] = [e.attrib for e in drawing.elements("line") if "dasharray" in e.attrib["style"]]
    y2, y4 = drawing.curves[0][0][1], drawing.curves[0][1][1]
    assert line["y1"] == line["y2"]
    assert float(line["y1"]) == pytest.approx(y2 + (y4 - y2) * (6.83 - 2) / 2, abs=0.1)
    assert "7" in drawing.texts or "8" in drawing.texts
    assert drawing.at("unigram entropy 6.83")[1] == pytest.approx(float(line["y1"]) - 5, abs=0.06)
    assert drawing.description is not None
    assert drawing.description.endswith("Reference unigram entropy: 6.83.")


def test_a_reference_that_is_no_number_is_left_out() -> None:
    drawing = draw(Series("s", [1, 2], [0, 10]), references=(ReferenceLine("entropy", math.nan),))
    assert not any("entropy" in text for text in [*drawing.texts, drawing.description or ""])


def test_names_of_close_reference_lines_keep_apart() -> None:
    lines = (ReferenceLine("b", 3.1), ReferenceLine("a", 3.0), ReferenceLine("c", 3.2))
    drawing = draw(Series("s", [1, 2], [0, 10]), references=lines)
    heights = [drawing.at(text)[1] for text in ("a 3", "b 3.1", "c 3.2")]
    assert heights[0] - heights[1] >= 16
    assert heights[1] - heights[2] >= 16


@pytest.mark.parametrize("hole", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_leaves_a_gap(hole: float) -> None:
    drawing = draw(Series("s", range(8), [1, 2, hole, 4, hole, 6, 7, 8]))
    assert [len(curve) for curve in drawing.curves] == [2, 3]
    assert len(drawing.dots) == 6  # the lonely fourth value is a dot
    assert len(drawing.hovers) == 6


def test_a_single_point_is_a_dot_in_the_middle() -> None:
    drawing = draw(Series("s", [7], [2.5]))
    assert drawing.curves == []
    [(x, y)] = drawing.dots
    assert drawing.at("7") == pytest.approx((x, drawing.at("step")[1] - 19), abs=0.06)
    assert drawing.hovers == ["s: 2.5 at step 7"]
    assert drawing.at("2.4")[1] > y > drawing.at("2.6")[1]


def test_a_constant_series_is_a_level_line() -> None:
    [curve] = draw(Series("s", [1, 2, 3], [2, 2, 2])).curves
    assert len({y for _, y in curve}) == 1


@pytest.mark.parametrize("ys", [[], [math.nan, math.nan]])
def test_a_chart_without_values_says_so(ys: list[float]) -> None:
    drawing = draw(Series("s", range(len(ys)), ys))
    assert "no data" in drawing.texts
    assert drawing.description == "Line chart of nats over step. s: no data."


def test_no_series_at_all_is_no_data_too() -> None:
    assert "no data" in draw().texts


def test_an_empty_series_beside_a_full_one_does_not_disturb_it() -> None:
    drawing = draw(Series("training", [1, 2], [3, 4]), Series("validation", [], []))
    assert len(drawing.curves) == 1
    assert "validation" in drawing.texts


def test_a_long_series_becomes_means_within_a_band() -> None:
    steps = range(1, 10_001)
    values = [5 + (1 if step % 2 else -1) for step in steps]
    values[4321] = 9  # a single spike must stay visible
    drawing = draw(Series("s", steps, values))
    [curve], [band] = drawing.curves, drawing.bands
    assert len(curve) == MAX_POINTS
    assert len(band) == 2 * MAX_POINTS
    assert len(drawing.hovers) <= MAX_HOVERS
    assert drawing.dots == []
    y4, y6, y9 = (drawing.at(text)[1] - 4 for text in ("4", "6", "9"))
    middle = [y for _, y in curve]
    assert min(middle) > y6
    assert max(middle) < y4
    assert sorted(middle)[len(middle) // 2] == pytest.approx((y4 + y6) / 2, abs=0.2)
    assert min(y for _, y in band) == pytest.approx(y9, abs=0.1)
    assert max(y for _, y in band) == pytest.approx(y4, abs=0.1)


def test_a_long_series_full_of_holes_is_still_one_curve_and_a_long_hole_is_a_gap() -> None:
    values = [math.nan if step % 3 == 0 else 1.0 for step in range(3000)]
    assert len(draw(Series("s", range(3000), values)).curves) == 1
    values[1000:1500] = [math.nan] * 500
    assert len(draw(Series("s", range(3000), values)).curves) == 2


def test_dots_are_for_short_series() -> None:
    assert len(draw(Series("s", range(MAX_DOTS), range(MAX_DOTS))).dots) == MAX_DOTS
    assert draw(Series("s", range(MAX_DOTS + 1), range(MAX_DOTS + 1))).dots == []


def test_a_logarithmic_axis_spaces_powers_evenly_and_leaves_out_zero() -> None:
    drawing = draw(Series("s", [0, 1, 10, 100, 1000], [9, 1, 2, 3, 4]), log_x=True)
    [curve] = drawing.curves
    assert len(curve) == 4
    gaps = [b[0] - a[0] for a, b in pairwise(curve)]
    assert gaps == pytest.approx([gaps[0]] * 3, abs=0.11)
    assert [drawing.at(text)[0] for text in ("10", "100")] == pytest.approx([curve[1][0], curve[2][0]], abs=0.06)


def test_epochs_have_no_halves() -> None:
    texts = draw(Series("s", [1, 2, 3], [0.8, 0.81, 0.83])).texts
    assert texts[-4:] == ["1", "2", "3", "step"]


def test_what_the_pointer_reads() -> None:
    drawing = draw(Series("training", [1000, 2000], [5.12345, 12000.0]))
    assert drawing.hovers == ["training: 5.123 at step 1,000", "training: 12,000 at step 2,000"]


def test_hostile_names_stay_text() -> None:
    svg = line_chart(
        [Series(HOSTILE, [1, 2], [1, 2]), Series("b", [1], [1])],
        HOSTILE,
        HOSTILE,
        HOSTILE,
        [ReferenceLine(HOSTILE, 1)],
    )
    drawing = Drawing(svg)
    assert drawing.title == HOSTILE.replace("\x00", "\ufffd").replace("\x0b", "\ufffd")
    assert drawing.elements("script") == []
    assert "<script" not in svg


def test_series_of_unequal_length_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        draw(Series("s", [1, 2, 3], [1, 2]))


values = st.floats(-1e9, 1e9) | st.just(math.nan) | st.just(math.inf)


@given(st.lists(st.lists(values, max_size=11), max_size=3), st.booleans())
@settings(max_examples=150)
def test_any_values_make_a_well_formed_chart_that_stays_on_the_paper(data: list[list[float]], log_x: bool) -> None:
    drawing = draw(*(Series(f"s{i}", range(len(ys)), ys) for i, ys in enumerate(data)), log_x=log_x)
    for x, y in (point for curve in [*drawing.curves, *drawing.bands, drawing.dots] for point in curve):
        assert 0 <= x <= drawing.width
        assert 0 <= y <= drawing.height


def test_a_band_is_drawn_from_where_to_where_values_range() -> None:
    drawing = draw(Series("bert", [0, 10, 20], [4.0, 3.0, 2.0], band=[(3.0, 5.0), (2.5, 3.5), (1.0, 3.0)]))
    [band], [curve] = drawing.bands, drawing.curves
    assert len(band) == 6
    scale = (curve[2][1] - curve[0][1]) / (2.0 - 4.0)
    heights = [(y - curve[0][1]) / scale + 4.0 for _, y in band]
    assert heights == pytest.approx([5.0, 3.5, 3.0, 1.0, 2.5, 3.0], abs=0.01)  # along the top, back along the bottom


def test_a_long_series_keeps_the_range_of_its_band() -> None:
    count = 3 * MAX_POINTS
    drawing = draw(Series("s", range(count), [1.0] * count, band=[(0.0, 2.0)] * count))
    [band], [curve] = drawing.bands, drawing.curves
    assert len(curve) == MAX_POINTS
    middle = curve[0][1]
    heights = {round(y - middle, 1) for _, y in band}
    assert len(heights) == 2
    assert sum(heights) == pytest.approx(0.0, abs=0.11)  # as far above the curve as below
