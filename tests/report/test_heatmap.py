"""Counts in a table: shaded by the share of the row, right and wrong told apart."""

import re

from encodery.report.heatmap import heatmap
from encodery.tasks.judging import Matrix

WORDS = Matrix("Words", ("LOC", "none"), ("LOC", "none"), ((3, 1), (5, 1234)), neutral="none")


def cells(html: str) -> list[tuple[str, str, str]]:
    """Class, style and text."""
    found = re.findall(r'<td class="([^"]*)"(?: style="([^"]*)")?>([^<]*)</td>', html)
    return [(kind, style, text) for kind, style, text in found]


def test_shares_are_of_the_row() -> None:
    assert cells(heatmap(WORDS)) == [
        ("number hit", "--share:75%", "3"),
        ("number miss", "--share:25%", "1"),
        ("number miss", "--share:100%", "5"),
        ("number", "", "1,234"),  # neither right nor wrong, and so frequent that it would hide the rest
    ]


def test_what_is_right_may_be_named() -> None:
    fates = Matrix(
        "Fates", ("LOC",), ("right", "missed", "rightly absent"), ((2, 0, 9),), ("right",), "rightly absent"
    )
    assert cells(heatmap(fates)) == [
        ("number hit", "--share:100%", "2"),
        ("number", "", "0"),
        ("number", "", "9"),
    ]


def test_hostile_names_stay_text() -> None:
    html = heatmap(Matrix('<script>"', ("<script>",), ("<img src=x>",), ((1,),)))
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") == 3  # caption, its name for screen readers, and the row
