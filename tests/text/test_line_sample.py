"""Lines for a trainer: drawn evenly, or by weight with counts that make up for what was left out."""

import sys
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


LONG = [f"{number:07} " * 101 for number in range(5003)]
ONE = sys.getsizeof(LONG[0])


def test_lines_of_so_much_memory_are_drawn_from_the_whole_text() -> None:
    drawn = draw(iter(LONG), 4001, most_bytes=1009 * ONE)
    assert drawn == draw(iter(LONG), 4001, most_bytes=1009 * ONE)
    assert len(set(drawn)) == 757  # of the 1,010 that were one too many
    assert abs(sum(int(line[:7]) for line in drawn) / 757 - 2501) < 150
    assert draw(iter(LONG), 10_007, most_bytes=5003 * ONE) == LONG


def test_memory_is_bounded_where_lines_grow_longer() -> None:
    lines = ["x" * (1 + number) for number in range(3001)]
    for drawn in (
        draw(lines, 101, 150_001),
        [line for line, _ in draw_weighted([(line, 1.0) for line in lines], 101, 150_001)],
    ):
        assert 50_000 < sum(map(sys.getsizeof, drawn)) <= 150_001


def test_counts_make_up_for_lines_that_memory_left_out() -> None:
    lines = [(line, 0.5) for line in LONG] + [("small " * 101, 5.5)] * 499
    drawn = draw_weighted(iter(lines), 10_007, most_bytes=1009 * ONE)
    assert 750 < len(drawn) <= 1100
    mass: Counter[bool] = Counter()
    for line, count in drawn:
        mass[line.startswith("small")] += count
    assert mass[True] / mass[False] == pytest.approx(499 * 5.5 / (5003 * 0.5), rel=0.04)
    assert draw_weighted(lines, 10_007) == draw_weighted(lines, 10_007, most_bytes=5502 * ONE)


def test_no_lines() -> None:
    assert draw_weighted([], 3) == []
