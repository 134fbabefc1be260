"""Row charts, read back as XML: bars from zero, what was there before behind them, notes to the right."""

import pytest

from encodery.report.rows import NAME_LENGTH, NAME_WIDTH, NOTE_WIDTH, Row, row_chart
from encodery.report.svg import WIDTH

from .drawing import Drawing

LONGEST = WIDTH - NAME_WIDTH - NOTE_WIDTH
HOSTILE = "</svg><script>alert('&')</script>"


def draw(*rows: Row) -> Drawing:
    return Drawing(row_chart(rows, "Documents", "documents behind each step"))


def widths(drawing: Drawing) -> list[float]:
    return [float(rect.attrib["width"]) for rect in drawing.elements("rect")]


def test_the_largest_amount_is_as_wide_as_there_is_room() -> None:
    assert widths(draw(Row("a", 50), Row("b", 20), Row("c", 0))) == [
        LONGEST,
        pytest.approx(0.4 * LONGEST, abs=0.1),
        0,
    ]


def test_what_was_there_before_lies_behind() -> None:
    drawing = draw(Row("read", 40, before=40), Row("quality", 10, before=40))
    assert widths(drawing) == [LONGEST, LONGEST, LONGEST, pytest.approx(LONGEST / 4, abs=0.1)]


def test_the_least_that_there_is_can_be_seen() -> None:
    assert widths(draw(Row("en", 10**9), Row("yo", 1)))[1] == 1


def test_names_notes_and_values_are_said() -> None:
    drawing = draw(Row("en", 1700, "1.7k (12)"), Row("de", 300))
    assert drawing.title == "Documents"
    assert drawing.description == "documents behind each step. en: 1.7k (12). de: 300."
    assert {"en", "de", "1.7k (12)", "documents behind each step"} <= set(drawing.texts)


def test_a_long_name_ends_before_its_bar() -> None:
    [name] = [text for text in draw(Row("x" * 53, 1)).texts if "x" in text]
    assert len(name) == NAME_LENGTH
    assert name.endswith("…")


def test_without_rows_it_says_so() -> None:
    assert "no data" in draw().texts


def test_hostile_names_stay_text() -> None:
    drawing = draw(Row(HOSTILE, 1, HOSTILE))
    assert not drawing.elements("script")
    assert HOSTILE in drawing.texts
