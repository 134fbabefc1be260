"""Articles of a Wikipedia dump (`…-pages-articles.xml.bz2`), one after the other.

A dump is one XML document of many gigabytes; its pages are cut out of the bytes as they lie there: an XML parser ends
at the first damaged byte.
"""

import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from encodery.corpus.inputs import CorpusInput
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading.flow import Flow
from encodery.corpus.reading.guarded import guarded
from encodery.corpus.reading.members import pieces
from encodery.corpus.reading.wikitext import Namespaces, plain_text
from encodery.files.streams import reading

MAX_ARTICLE_BYTES = 32 << 20
_HEAD_BYTES = 1 << 16
_PAGE, _PAGE_END = b"<page>", b"</page>"
_LANGUAGE = re.compile(rb"<mediawiki\b[^>]*\bxml:lang=[\"']([A-Za-z0-9-]{2,20})[\"']")
_BASE = re.compile(rb"<base>\s*(https?://[^<\s]{1,200}/)[^<\s/]*\s*</base>")
_NAMESPACE = re.compile(rb"<namespace\s+key=\"(6|14)\"[^>]*>([^<]{1,100})</namespace>")


@dataclass(frozen=True)
class Site:
    """What the head of a dump says."""

    language: str = ""
    base: str = ""
    """What the name of an article is put behind to have its address."""
    namespaces: Namespaces = frozenset()
    """The names of the namespaces of files and of categories, links to which are no text."""


def read_dump(stream: io.BufferedReader, source: str, entry: CorpusInput, ledger: Ledger) -> Iterator[Page]:
    """The articles of a dump: its title, then its paragraphs. Redirects and pages of other namespaces are left out,
    and counted. Language and address are those of the site, unless the input gives a language."""

    def report(place: str, reason: str) -> None:
        ledger.damaged(f"{source}!{place}", reason)

    with reading(source):
        flow = Flow(pieces(stream, source, lambda offset, reason: report(str(offset), reason)))
        site: Site | None = None
        while flow.next_stretch():
            if site is None:
                flow.need(_HEAD_BYTES)
                site = site_of(flow.peek(_HEAD_BYTES))
            while flow.skip_to(_PAGE):
                place = flow.place(flow.at)
                try:
                    data = _page_bytes(flow)
                except ValueError as error:
                    if not flow.broken:
                        report(place, str(error))
                    flow.at = min(flow.at + len(_PAGE), len(flow.data))
                    continue
                page = Page("", f"{source}!{place}", language=entry.language or site.language)
                if _is_article(page, data, site, ledger):
                    yield page


def site_of(head: bytes) -> Site:
    """What the first bytes of a dump say of its site."""
    language, base = _LANGUAGE.search(head), _BASE.search(head)
    names = {html.unescape(name.decode("utf-8", "replace")).lower() for _, name in _NAMESPACE.findall(head)}
    return Site(
        language[1].decode() if language else "",
        base[1].decode("ascii", "replace") if base else "",
        frozenset({"file", "image", "category", *names}),
    )


def _page_bytes(flow: Flow) -> bytes:
    """The page that begins here, and go behind it; if it is broken, stay.

    Raises:
        ValueError: it has no end, or is too large.
    """
    size = flow.find(_PAGE_END, len(_PAGE), MAX_ARTICLE_BYTES + len(_PAGE_END))
    if size < 0 and len(flow.data) - flow.at > MAX_ARTICLE_BYTES:
        raise ValueError(f"a page of more than {MAX_ARTICLE_BYTES:,} bytes")
    if size < 0:
        raise ValueError("a page without an end")
    data = flow.peek(size)
    flow.at += size
    return data


def _is_article(page: Page, data: bytes, site: Site, ledger: Ledger) -> bool:
    """Give a page what its XML says, or drop it. Of several revisions the last is taken."""
    title = html.unescape(_element(data, b"title").decode("utf-8", "replace"))
    page.date = _element(data, b"timestamp", last=True).decode("ascii", "replace")
    if site.base:
        page.url = site.base + quote(title.replace(" ", "_"), safe="/:(),'!*@")
    if _element(data, b"ns") not in (b"0", b""):
        ledger.drop(page, "read/namespace")
    elif b"<redirect " in data:
        ledger.drop(page, "read/redirect")
    elif (_element(data, b"model", last=True) or b"wikitext") != b"wikitext":
        ledger.drop(page, "read/type")
    else:
        markup = html.unescape(_element(data, b"text", last=True).decode("utf-8", "replace"))
        text = guarded(lambda: plain_text(markup, site.namespaces), page, ledger)
        page.text = f"{title}\n{text}" if text and title else text
        if not text and not page.dropped:
            ledger.drop(page, "read/empty")
    return not page.dropped


def _element(data: bytes, name: bytes, last: bool = False) -> bytes:
    """What the first or last element of this name holds; nothing if there is none."""
    end = data.rfind(b"</%b>" % name) if last else data.find(b"</%b>" % name)
    start = data.rfind(b"<%b" % name, 0, end) if end >= 0 else -1
    inside = data.find(b">", start, end) + 1 if start >= 0 else 0
    return data[inside:end] if inside else b""
