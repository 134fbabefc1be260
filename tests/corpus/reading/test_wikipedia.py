"""Articles of Wikipedia dumps."""

import bz2
import gzip
import io
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.inputs import CorpusInput
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading import wikipedia
from encodery.corpus.reading.pages import read_pages
from encodery.corpus.reading.wikipedia import read_dump

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
  <siteinfo><sitename>Wikipedia</sitename><dbname>dewiki</dbname>
    <base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
    <namespaces><namespace key="0" case="first-letter" /><namespace key="6" case="first-letter">Datei</namespace>
      <namespace key="14" case="first-letter">Kategorie</namespace></namespaces>
  </siteinfo>
"""


def article(title: str, text: str, namespace: int = 0, extra: str = "", model: str = "wikitext") -> str:
    return f"""  <page>
    <title>{title}</title><ns>{namespace}</ns><id>7</id>{extra}
    <revision><id>11</id><timestamp>2024-02-29T11:13:17Z</timestamp><contributor><username>U</username></contributor>
      <comment>c</comment><model>{model}</model><format>text/x-wiki</format>
      <text bytes="{len(text)}" xml:space="preserve">{text}</text><sha1>x</sha1></revision>
  </page>
"""


ARTICLES = [article(f"Titel {number}", f"Der ''Text'' {number}. " * (7 + number)) for number in range(5)]
DUMP = HEAD + "".join(ARTICLES) + "</mediawiki>\n"


def read(data: bytes, **options: Any) -> tuple[list[Page], Ledger]:
    ledger = Ledger()
    entry = CorpusInput(path="x.xml", **options)
    return list(read_dump(io.BufferedReader(io.BytesIO(data)), "x.xml", entry, ledger)), ledger


def test_what_an_article_becomes() -> None:
    text = "'''Köln''' &amp;amp; [[Bonn|die Stadt]]&lt;ref&gt;x&lt;/ref&gt; [[Datei:a.jpg|mini]]\n\n&quot;Zwei&quot;"
    (page,), ledger = read((HEAD + article("Köln &amp; Bonn", text)).encode())
    assert page == Page(
        'Köln & Bonn\nKöln & die Stadt\n"Zwei"',
        f"x.xml!{len(HEAD.encode()) + 2}",
        url="https://de.wikipedia.org/wiki/K%C3%B6ln_%26_Bonn",
        date="2024-02-29T11:13:17Z",
        language="de",
    )
    assert ledger.damage == []


def test_the_language_of_the_input_goes_first() -> None:
    assert read(DUMP.encode(), language="nds")[0][0].language == "nds"
    assert read(DUMP.replace(' xml:lang="de"', "").encode())[0][0].language == ""


def test_what_is_no_article_is_counted() -> None:
    pages, ledger = read(
        "".join(
            [
                HEAD,
                article("Diskussion:A", "text", namespace=1),
                article("B", "#WEITERLEITUNG [[C]]", extra='<redirect title="C" />'),
                article("D", "{{nur|Vorlagen}}"),
                article("E", "{}", model="json"),
                article("F", "").replace('<text bytes="0" xml:space="preserve"></text>', '<text bytes="0" />'),
                ARTICLES[0],
            ]
        ).encode()
    )
    assert [page.text.split("\n")[0] for page in pages] == ["Titel 0"]
    counts = {reason: n for (reason, unit), n in ledger.counts.items() if unit == "documents"}
    assert counts == {"read/namespace": 1, "read/redirect": 1, "read/empty": 2, "read/type": 1}


def test_of_several_revisions_the_last() -> None:
    old = "<revision><timestamp>2001</timestamp><text>alt</text></revision>"
    (page,), _ = read((HEAD + article("T", "neu", extra=old)).encode())
    assert (page.text, page.date) == ("T\nneu", "2024-02-29T11:13:17Z")


@pytest.mark.parametrize("packer", [bytes, gzip.compress, bz2.compress, zstandard.compress])
def test_compressions(packer: Any) -> None:
    pages, ledger = read(packer(DUMP.encode()))
    assert [page.text for page in pages] == [page.text for page in read(DUMP.encode())[0]]
    assert len(pages) == 5
    assert ledger.damage == []


def test_streams_of_bzip2_that_split_articles() -> None:
    data = DUMP.encode()
    streams = b"".join(bz2.compress(data[at : at + 313]) for at in range(0, len(data), 313))
    pages, ledger = read(streams)
    assert ([page.text[:7] for page in pages], ledger.damage) == ([f"Titel {number}" for number in range(5)], [])


def test_a_damaged_stream_costs_its_articles() -> None:
    streams = [bz2.compress(part.encode()) for part in (HEAD, *ARTICLES, "</mediawiki>")]
    middle = bytearray(streams[2])
    middle[len(middle) // 2] ^= 0x55
    streams[2] = bytes(middle)
    pages, ledger = read(b"".join(streams))
    assert [page.text[:7] for page in pages] == ["Titel 0", "Titel 2", "Titel 3", "Titel 4"]
    start = len(streams[0]) + len(streams[1])
    assert pages[1].source == f"x.xml!{start + len(streams[2])}+2"
    assert [place for place, _ in ledger.damage] == [f"x.xml!{start}"]
    assert {page.language for page in pages} == {"de"}


def test_a_dump_that_ends_in_an_article(monkeypatch: pytest.MonkeyPatch) -> None:
    data = (HEAD + "".join(ARTICLES)).encode()
    pages, ledger = read(data[:-30])
    place = len((HEAD + "".join(ARTICLES[:4])).encode()) + 2
    assert (len(pages), ledger.damage) == (4, [(f"x.xml!{place}", "a page without an end")])


def test_an_article_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the file is cut into members."""
    data = (HEAD + "".join(ARTICLES)).encode()
    longest = max(len(article) for article in "".join(ARTICLES).encode().split(b"<page>"))
    monkeypatch.setattr(wikipedia, "_HEAD_BYTES", 10)
    for whole in (data, b"".join(bz2.compress(data[at : at + 29]) for at in range(0, len(data), 29))):
        monkeypatch.setattr(wikipedia, "MAX_ARTICLE_BYTES", longest)
        assert (len(read(whole)[0]), read(whole)[1].damage) == (5, [])
        monkeypatch.setattr(wikipedia, "MAX_ARTICLE_BYTES", 200)
        pages, ledger = read(whole)
        assert pages == []
        assert [reason for _, reason in ledger.damage] == ["a page of more than 200 bytes"] * 5


def test_a_folder_of_dumps_by_their_first_bytes(tmp_path: Path) -> None:
    (tmp_path / "dewiki.xml.bz2").write_bytes(bz2.compress(DUMP.encode()))
    ledger = Ledger()
    pages = list(read_pages(tmp_path / "dewiki.xml.bz2", CorpusInput(path="."), ledger))
    assert [page.text[:7] for page in pages] == [f"Titel {number}" for number in range(5)]
    assert pages[0].source == f"{tmp_path}/dewiki.xml.bz2!0+{len(HEAD.encode()) + 2}"


@given(st.binary(max_size=99), st.integers(0, len(DUMP) - 40), st.integers(0, 99))
def test_no_damage_raises(junk: bytes, at: int, gone: int) -> None:
    data = DUMP.encode()
    pages, _ = read(data[:at] + junk + data[at + gone :])
    assert len(pages) <= 5 + junk.count(b"<page>")
