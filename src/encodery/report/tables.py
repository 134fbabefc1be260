"""Tables of a report as Markdown and for a terminal: the same rows, other brackets."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from encodery.report.page import Table
from encodery.report.terminal import plain


def markdown_table(table: Table) -> str:
    """The table under its caption; text that would end a cell or open a tag is written as text."""
    rows = [[markdown_text(cell) for cell in row] for row in (table.header, *table.rows)]
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    lines = [_row(row) for row in (rows[0], rule, *rows[1:])]
    return "\n".join([f"**{markdown_text(table.caption)}**", "", *lines])


def markdown_text(text: str) -> str:
    """A line of text that Markdown leaves as it is."""
    for character in "\\`*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return " ".join(plain(text).split())


def grid(table: Table) -> Group:
    """The table for a terminal, under its caption, which is as wide as it needs to be."""
    drawn = Grid(box=None, pad_edge=False)
    for number, name in enumerate(table.header):
        drawn.add_column(Text(plain(name)), justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    return Group(Text(plain(table.caption), "bold"), drawn)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
