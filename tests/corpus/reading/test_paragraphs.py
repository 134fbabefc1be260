"""The form of the text of pages."""

from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading.paragraphs import paragraphs


def test_a_paragraph_a_line() -> None:
    assert paragraphs(" a \r\n\r\n\tb\rc\n \n\n d") == "a\nb\nc\nd"
    assert paragraphs(" \n\t\n") == ""


@given(st.text(st.sampled_from("ab \t\n\r")))
def test_no_line_is_blank_and_nothing_is_lost(text: str) -> None:
    found = paragraphs(text)
    assert all(line and line == line.strip() for line in found.split("\n")) or not found
    assert found.split() == text.split()
    assert paragraphs(found) == found
