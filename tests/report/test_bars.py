"""Bar charts, read back as XML: bars from zero to the mean, whiskers of one standard deviation, a dot per seed."""

import math
import re

import pytest

from encodery.report.axes import ReferenceLine
from encodery.report.bars import Bar, bar_chart

from .drawing import Drawing


def draw(*bars: Bar, references: tuple[ReferenceLine, ...] = ()) -> Drawing:
    return Drawing(bar_chart(bars, "SST-2", "accuracy", references))


def bar_ends(drawing: Drawing) -> list[tuple[float, float]]:
    rects = [rect.attrib for rect in drawing.elements("rect")]
    return [(float(r["x"]), float(r["x"]) + float(r["width"])) for r in rects]


def test_a_bar_reaches_from_zero_to_the_mean() -> None:
    drawing = draw(Bar("pretrained", [0.8, 0.9, 1.0]), Bar("not", [0.5]))
    zero, one = drawing.at("0")[0], drawing.at("1.0")[0]
    pretrained, scratch = bar_ends(drawing)
    assert pretrained == pytest.approx((zero, zero + 0.9 * (one - zero)), abs=0.2)
    assert scratch == pytest.approx((zero, zero + 0.5 * (one - zero)), abs=0.2)


def test_the_whisker_is_one_sample_standard_deviation_to_both_sides() -> None:
    drawing = draw(Bar("pretrained", [0.4, 0.5, 0.6]), Bar("not", [0.5]))
    [whisker] = [path.attrib["d"] for path in drawing.elements("path")]
    low, high = re.findall(r"M([\d.]+) [\d.]+v12", whisker)
    tick = drawing.at("0.4")[0], drawing.at("0.6")[0]
    assert (float(low), float(high)) == pytest.approx(tick, abs=0.11)  # the deviation of the three is 0.1


def test_every_seed_is_a_dot_and_a_single_value_is_none() -> None:
    drawing = draw(Bar("pretrained", [0.4, 0.5, 0.6]), Bar("not", [0.5]))
    assert [x for x, _ in drawing.dots] == pytest.approx(
        [drawing.at("0.4")[0], (drawing.at("0.4")[0] + drawing.at("0.6")[0]) / 2, drawing.at("0.6")[0]], abs=0.11
    )
    assert drawing.hovers == ["pretrained: 0.4", "pretrained: 0.5", "pretrained: 0.6", "not: 0.5"]


def test_the_numbers_are_written_beside_the_names_and_described() -> None:
    drawing = draw(
        Bar("pretrained", [0.842, 0.851, 0.838]), Bar("not", [0.5]), references=(ReferenceLine("majority", 0.509),)
    )
    assert {"pretrained", "0.8437 ± 0.0067 (3 seeds)", "not", "0.5", "majority 0.509"} < set(drawing.texts)
    assert drawing.description == (
        "Bar chart of accuracy. pretrained: 0.8437 ± 0.0067 (3 seeds). not: 0.5. Reference majority: 0.509."
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0.771, 0.765, 0.783], "0.7730 ± 0.0092 (3 seeds)"),
        ([81.0, 85.0], "83.0 ± 2.8 (2 seeds)"),
        ([1000.0, 3000.0], "2000 ± 1414 (2 seeds)"),
        ([0.5, 0.5], "0.5000 ± 0.0000 (2 seeds)"),
    ],
)
def test_mean_and_spread_have_the_same_decimals(values: list[float], text: str) -> None:
    assert text in draw(Bar("s", values)).texts


def test_a_reference_line_stands_at_its_value() -> None:
    drawing = draw(Bar("pretrained", [1.0]), references=(ReferenceLine("chance", 0.6), ReferenceLine("low", 0.2)))
    lines = [e.attrib for e in drawing.elements("line") if "dasharray" in e.attrib["style"]]
    assert [float(line["x1"]) for line in lines] == pytest.approx([drawing.at("0.6")[0], drawing.at("0.2")[0]])
    anchors = {e.text: e.attrib["text-anchor"] for e in drawing.elements("text")}
    assert (anchors["chance 0.6"], anchors["low 0.2"]) == ("end", "start")


def test_a_reference_that_is_no_number_is_left_out() -> None:
    drawing = draw(Bar("s", [1.0]), references=(ReferenceLine("chance", math.inf),))
    assert not any("chance" in text for text in [*drawing.texts, drawing.description or ""])


def test_negative_scores_grow_to_the_left_of_zero() -> None:
    drawing = draw(Bar("worse than chance", [-0.4]), Bar("better", [0.4]))
    zero = drawing.at("0")[0]
    (left, middle), (start, right) = bar_ends(drawing)
    assert left < middle == pytest.approx(zero, abs=0.1)
    assert start == pytest.approx(zero, abs=0.1)
    assert right > zero


def test_the_axis_has_room_for_the_whisker() -> None:
    drawing = draw(Bar("s", [0.0, 2.0]))
    [whisker] = [path.attrib["d"] for path in drawing.elements("path")]
    low, high = map(float, re.findall(r"M(-?[\d.]+) [\d.]+v12", whisker))
    assert low >= 0
    assert high <= drawing.width


def test_a_bar_without_a_finite_value_says_so_and_leaves_the_others_alone() -> None:
    drawing = draw(Bar("diverged", [math.nan]), Bar("fine", [0.5, math.inf]))
    assert "no data" in drawing.texts
    assert len(bar_ends(drawing)) == 1
    assert drawing.description == "Bar chart of accuracy. diverged: no data. fine: 0.5."
    assert "no data" in draw(Bar("diverged", [])).texts


def test_hostile_names_stay_text() -> None:
    hostile = "<script>&'\""
    svg = bar_chart([Bar(hostile, [1, 2])], hostile, hostile, [ReferenceLine(hostile, 1)])
    assert Drawing(svg).title == hostile
    assert "<script" not in svg


def test_the_whisker_of_one_score_is_its_interval() -> None:
    drawing = draw(Bar("de", [0.5], (0.4, 0.6), "1,009"), Bar("sw", [0.4], (0.0, 0.6)))
    whiskers = [re.findall(r"M([\d.]+) [\d.]+v12", path.attrib["d"]) for path in drawing.elements("path")]
    tick = drawing.at("0.4")[0], drawing.at("0.6")[0]
    assert [float(x) for x in whiskers[0]] == pytest.approx(tick, abs=0.11)
    assert float(whiskers[1][0]) == pytest.approx(drawing.at("0")[0], abs=0.11)
    assert {"0.500, 0.400 to 0.600 (1,009)", "0.400, 0.000 to 0.600"} < set(drawing.texts)
    assert not drawing.dots


def test_an_interval_that_is_not_finite_is_none() -> None:
    drawing = draw(Bar("de", [0.5], (math.nan, 0.6), "7"))
    assert not list(drawing.elements("path"))
    assert "0.5 (7)" in drawing.texts


def test_a_long_name_does_not_run_into_the_numbers() -> None:
    drawing = draw(Bar("x" * 61, [0.5], (0.4, 0.6)))
    assert "x" * 27 + "…" in drawing.texts
    assert drawing.hovers == ["x" * 61 + ": 0.5"]
