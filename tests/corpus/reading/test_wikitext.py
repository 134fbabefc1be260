"""Plain paragraphs out of wiki markup."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading.wikitext import plain_text

NAMESPACES = frozenset({"file", "datei", "category", "kategorie"})


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("'''Bold''' and ''italic'' and '''''both'''''", "Bold and italic and both"),
        ("[[capital city|capital]] of [[France]]", "capital of France"),
        ("[[three]]s and [[:Category:Trees]]", "threes and Category:Trees"),
        ("[[Datei:a.jpg|mini|A [[nested|link]] {{here}}]]text", "text"),
        ("text[[Kategorie:Cities|Paris]][[de:Paris]] [[zh-min-nan:Paris]]", "text"),
        ("[[Star Wars: A film|film]] [[2001: A Space Odyssey]]", "film 2001: A Space Odyssey"),
        ("see [http://x.y/z the site], [https://x.y] and [//x.y that]", "see the site, and that"),
        ("a<ref>note {{cite|x=[[y]]}}</ref>b<ref name=n />c<ref name='m'>x</ref>d", "abcd"),
        ("a<!-- <ref> -->b<!-- to the end", "ab"),
        ("{{Infobox|a={{b|c}}|d=[[x]]}}text", "text"),
        ("{{lang|fr|la ville}} and {{nowrap|5 km}}", "la ville and 5 km"),
        ("Paris ({{IPA|x}}; {{y}}) is", "Paris is"),
        ("{| class=x\n! a\n|-\n| b || {{x}}\n{|\n| inner\n|}\n|}\nafter", "after"),
        ("* one\n# two\n** three\n:: four\n; five", "one\ntwo\nthree\nfour\nfive"),
        ("a <span class='x'>b</span> c<br/>d 5 < 6 &amp; 7&nbsp;> 3", "a b c\nd 5 < 6 & 7\xa0> 3"),
        ("a<math>x^2</math>b<gallery>\nFile:x.jpg\n</gallery>c", "abc"),
        ("<nowiki>[x]</nowiki> __NOTOC__", "[x]"),
        ("在-{zh-hans:计算机; zh-hant:電腦}-上，-{T|zh-cn:甲;zh-tw:乙}--{原文}-", "在计算机上，甲原文"),
        ("an {{open template\nand what follows", "an open template\nand what follows"),
        ("a ]] b }} c |} d </ref> e", "a b c d e"),
        ("", ""),
    ],
)
def test_markup(markup: str, text: str) -> None:
    assert plain_text(markup, NAMESPACES) == text


def test_headings_stay_if_text_follows_them() -> None:
    markup = "== A ==\n=== B ===\ntext\n=== C ===\n{{x}}\n== D ==\n=== E ===\nmore\n== F ==\n[[Category:G]]"
    assert plain_text(markup, NAMESPACES) == "A\nB\ntext\nD\nE\nmore"


HOSTILE = [
    "{{",
    "[[",
    "<ref>",
    "]][[",
    "<!--",
    "[http://a ",
    "{|\n",
    "''",
    "-{",
    "(",
    "= ",
    "{{[[",
    "<",
    "[",
    "}}{{",
    "<ref ",
]


@pytest.mark.parametrize("token", HOSTILE)
def test_time_is_linear(token: str) -> None:
    started = time.process_time()
    plain_text(token * 50_000)
    assert time.process_time() - started < 3  # tens of milliseconds; if it grew with the square, minutes


PARTS = [
    "{{",
    "}}",
    "[[",
    "]]",
    "{|",
    "|}",
    "|",
    "\n",
    "<ref>",
    "</ref>",
    "<ref/>",
    "<!--",
    "-->",
    "==",
    "a",
    ":",
    "''",
    "-{",
]


@given(st.lists(st.sampled_from(PARTS), max_size=30))
def test_no_markup_raises(parts: list[str]) -> None:
    text = plain_text("".join(parts), NAMESPACES)
    assert all(line.strip() for line in text.split("\n")) or not text
    assert "{{" not in text
