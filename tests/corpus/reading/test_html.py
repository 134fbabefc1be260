"""The text of web pages."""

import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading.html import UnreadablePageError, html_text
from encodery.errors import UserError

TEXT = "This is a sentence of some length that a reader of the page came for. " * 5
PAGE = f"""<!doctype html><html><head><title>The title</title><script>var x = "<p>code</p>";</script></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<main><article><h1>A heading</h1><p>{TEXT}</p><img src="x" alt="a picture">
<p>Things:<br>first thing<br>second thing</p><p>The <a href="http://x.y">last</a> words.</p>
<table><tr><td>cell one</td><td>cell two</td></tr></table></article>
<section class="comments"><p class="comment">I do not agree</p></section></main>
<aside>Read more elsewhere</aside><footer>All rights reserved</footer></body></html>"""


def lines(page: str, extractor: Any = "main-content") -> list[str]:
    return [line.strip() for line in html_text(page, extractor).split("\n") if line.strip()]


def test_main_content() -> None:
    found = lines(PAGE)
    assert found[:2] == ["A heading", TEXT.strip()]
    assert {"first thing", "second thing", "The last words."} <= set(found)
    assert "cell one" in " ".join(found)
    left_out = ["Home", "About", "elsewhere", "rights", "agree", "picture", "http", "code", "The title"]
    assert [word for word in left_out if word in " ".join(found)] == []


def test_a_page_without_main_content_is_not_empty() -> None:
    page = "<html><body><form><p>Only a word</p></form></body></html>"
    assert lines(page) == lines(page, "full-text") == ["Only a word"]


def test_full_text() -> None:
    found = " ".join(lines(PAGE, "full-text"))
    assert [word for word in ["Home", "A heading", "elsewhere", "rights"] if word not in found] == []
    assert "code" not in found


def test_trafilatura() -> None:
    pytest.importorskip("trafilatura")
    found = lines(PAGE, "trafilatura")
    assert TEXT.strip() in found
    assert "Home" not in " ".join(found)


def test_trafilatura_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    with pytest.raises(UserError, match=r'^extractor = "trafilatura" needs its package; pip install "encodery\[traf'):
        html_text(PAGE, "trafilatura")


@pytest.mark.parametrize("element", ["<div>", "<b>", "<a><b><i>", "<span class='x'>", "<custom-thing>", "<svg><g>"])
def test_pages_nested_too_deep_are_refused_at_once(element: str) -> None:
    started = time.process_time()
    with pytest.raises(UnreadablePageError, match="elements are nested deeper than 500") as refused:
        html_text(f"<html><body>{element * 50_000}{TEXT}", "main-content")
    assert time.process_time() - started < 10
    assert refused.value.reason == "deep"


def test_pages_of_too_many_elements_are_refused() -> None:
    with pytest.raises(UnreadablePageError, match="400,001 tags; at most 400,000 are read") as refused:
        html_text("<p>" * 400_001, "main-content")
    assert refused.value.reason == "large"


def test_long_pages_are_not_deep() -> None:
    rows = "<tr><td>a cell<td>another<br></tr>" * 3000 + "<svg><path d='M0'/><path d='M1'/></svg>" * 1000
    assert "a cell" in html_text(
        f"<body><main><p>{TEXT}<ul>{'<li>x' * 2000}</ul><table>{rows}</table>", "main-content"
    )


@given(st.lists(st.sampled_from(["<div>", "</div>", "<p", ">", "<!--", "&amp;", "&#0;", "a", "'", "</", "<table>"])))
def test_no_page_raises(parts: list[str]) -> None:
    for extractor in ("main-content", "full-text"):
        html_text("".join(parts), extractor)
