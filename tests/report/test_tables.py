"""Tables of a report in Markdown and on a terminal."""

import io
import re

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from encodery.report.page import Table
from encodery.report.tables import grid, markdown_table

TABLE = Table("Scores (mean)", ("figure", "a", "b"), [("mood: accuracy", "0.5000 ± 0.1", "–"), ("x|y", "1", "2")])


def test_markdown_has_a_rule_and_escapes_what_ends_a_cell() -> None:
    assert markdown_table(TABLE).splitlines() == [
        "**Scores (mean)**",
        "",
        "| figure | a | b |",
        "| --- | ---: | ---: |",
        "| mood: accuracy | 0.5000 ± 0.1 | – |",
        r"| x\|y | 1 | 2 |",
    ]


@given(st.text())
def test_any_text_stays_in_its_cell(text: str) -> None:
    lines = markdown_table(Table(text, ("a", text), [(text, "1")])).split("\n")
    assert len(lines) == 5
    for line in lines[2:]:
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
        assert not re.search(r"(?<!\\)<", line)


def test_a_caption_is_not_broken_at_the_width_of_its_table() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(grid(Table("Keys that differ (as TOML has them)", ("key", "a"), [("x", "1")])))
    assert [line.rstrip() for line in console.export_text().splitlines()] == [
        "Keys that differ (as TOML has them)",
        "key  a",
        "x    1",
    ]


def test_a_terminal_gets_the_same_cells_and_no_control_characters() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(grid(Table("T", ("name", "[bold]n[/]"), [("a\x1b[31m", "7")])))
    shown = console.export_text()
    assert "[bold]n[/]" in shown
    assert "a\ufffd[31m" in shown
    assert "\x1b" not in shown
