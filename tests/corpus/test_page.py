from collections.abc import Sequence

import pytest

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step


class Shorten:
    """A step as any other: it needs a name and to be called."""

    name = "shorten"

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        for page in pages:
            page.text = page.text[:3]


def test_a_page_knows_nothing_but_its_text_and_where_it_comes_from() -> None:
    page = Page("Ein Satz.", "pages.warc.gz!1234")
    assert (page.url, page.date, page.language, page.scores, page.dropped) == ("", "", "", {}, "")


def test_pages_do_not_share_scores() -> None:
    first, second = Page("a", "f!0"), Page("b", "f!1")
    first.scores["language"] = 0.5
    assert second.scores == {}


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [("", []), ("one", ["one"]), ("one\ntwo\nthree", ["one", "two", "three"]), ("a\u2028b", ["a\u2028b"])],
)
def test_paragraphs_are_lines_and_no_text_has_none(text: str, paragraphs: list[str]) -> None:
    assert Page(text, "f!0").paragraphs == paragraphs


def test_a_page_takes_no_other_fields() -> None:
    with pytest.raises(AttributeError):
        Page("a", "f!0").titel = "a"  # type: ignore[attr-defined]


def test_whatever_has_a_name_and_takes_pages_is_a_step() -> None:
    assert isinstance(Shorten(), Step)
    assert not isinstance(lambda pages, ledger: None, Step)
