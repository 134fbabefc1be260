"""Marked text: what is marked is where it belongs, and nothing in a text becomes markup."""

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from encodery.report.marks import MOST, Mark, Marked, marked_text, shortened, window_start

TEXT = "Ama <b>Ata</b> & Bonn"
MARKS = [Mark(17, 21, "LOC", False), Mark(0, 3, "PER", True)]


def plain(html: str) -> str:
    """The text of a reading without its title and the names of its marks."""
    body = re.sub(r"<small>.*?</small>", "", html.split("</div>", 1)[1])
    return unescape(re.sub(r"<[^>]*>", "", body))


def test_the_marks_are_in_their_places() -> None:
    assert marked_text(Marked("expected", TEXT, MARKS)) == (
        '<div class="reading">expected</div><p dir="auto">'
        '<mark class="right">Ama<small>PER</small></mark> &lt;b&gt;Ata&lt;/b&gt; &amp; '
        '<mark class="wrong">Bonn<small>LOC</small></mark></p>'
    )


def test_hostile_labels_and_titles_stay_text() -> None:
    html = marked_text(Marked("<script>", "x<script>", [Mark(0, 9, "<script>'\"", False)]))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 3


def test_a_mark_inside_another_is_left_out() -> None:
    html = marked_text(Marked("t", "Bonn am Rhein", [Mark(0, 13, "LOC", True), Mark(8, 13, "GEO", False)]))
    assert html.count("<mark") == 1
    assert plain(html) == "Bonn am Rhein"


def test_a_long_text_begins_near_its_first_error() -> None:
    text = "".join(f"{number:05d} " for number in range(500))
    wrong = Mark(2400, 2405, "LOC", False)
    first = window_start([Mark(12, 17, "PER", True), wrong])
    html = marked_text(Marked("t", text, [Mark(12, 17, "PER", True), wrong], first))
    assert plain(html) == f"… {text[first : first + MOST]} …"
    assert html.count("<mark") == 1
    assert window_start([Mark(130, 134, "LOC", False), wrong]) == 0
    assert window_start([]) == 0


def test_text_is_cut_with_an_ellipsis() -> None:
    assert shortened("a" * MOST) == "a" * MOST
    assert shortened("a" * (MOST + 1)) == "a" * MOST + " …"
    assert shortened("ab", 1) == "… b"


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=61),
    st.lists(st.tuples(st.integers(0, 61), st.integers(1, 9), st.booleans()), max_size=5),
)
def test_any_marks_leave_the_text_as_it_is(text: str, places: list[tuple[int, int, bool]]) -> None:
    marks = [Mark(start, start + size, "L", right) for start, size, right in places if start + size <= len(text)]
    assert plain(marked_text(Marked("t", text, marks))) == text
