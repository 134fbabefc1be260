"""Lines for a trainer: drawn evenly, or by weight with counts that make up for what was left out."""

from collections import Counter

import pytest

from encodery.text.balance import EVEN
from encodery.text.line_sample import MAX_LINE_BYTES, draw, draw_weighted, lines_of


def test_lines_are_drawn_from_the_whole_text() -> None:
    lines = [str(number) for number in range(10_007)]
    drawn = draw(iter(lines), 1009)
    assert drawn == draw(iter(lines), 1009)
    assert len(set(drawn)) == 1009
    assert abs(sum(map(int, drawn)) / 1009 - 5003) < 300
    assert draw(iter(lines), 20_011) == lines


def test_every_line_has_the_weight_of_its_text() -> None:
    assert list(lines_of(["a\nb", " \n", "c"], [0.5, 3.0, 2.0])) == [("a", 0.5), ("b", 0.5), ("c", 2.0)]
    assert list(lines_of(["a", "b"], EVEN)) == [("a", 1.0), ("b", 1.0)]


def test_long_lines_are_cut_without_loss() -> None:
    line = "word " * 1999
    cut = [part for part, _ in lines_of([line], EVEN)]
    assert "".join(cut) == line
    assert max(len(part.encode()) for part in cut) <= MAX_LINE_BYTES


def test_lines_that_all_fit_count_by_their_weights() -> None:
    lines = [("big", 0.5)] * 7 + [("small\ttab", 4.0)] * 3
    assert draw_weighted(lines, 11) == [("big", 16)] * 7 + [("small tab", 128)] * 3


@pytest.mark.parametrize("most", [101, 997])
def test_counts_make_up_for_lines_that_were_left_out(most: int) -> None:
    lines = [(f"big {i}", 0.5) for i in range(5003)] + [(f"small {i}", 5.5) for i in range(499)]
    drawn = draw_weighted(iter(lines), most)
    assert drawn == draw_weighted(iter(lines), most)
    assert len({line for line, _ in drawn}) == most
    mass: Counter[str] = Counter()
    number: Counter[str] = Counter()
    for line, count in drawn:
        mass[line.split()[0]] += count
        number[line.split()[0]] += 1
    assert mass["small"] / mass["big"] == pytest.approx(499 * 5.5 / (5003 * 0.5), rel=0.04)
    assert number["small"] / most > 0.25  # a tenth of the lines, more than half of the weight


def test_no_lines() -> None:
    assert draw_weighted([], 3) == []
