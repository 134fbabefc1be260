"""From crawl files and HTML to pages."""

import io
from collections.abc import Callable, Iterator, Mapping

from encodery.corpus.inputs import CorpusInput, Format
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading.encoding import decode
from encodery.corpus.reading.guarded import guarded
from encodery.corpus.reading.html import html_text
from encodery.corpus.reading.http import MAX_PAGE_BYTES, Payload, payload_of
from encodery.corpus.reading.paragraphs import paragraphs
from encodery.corpus.reading.warc import read_records
from encodery.corpus.reading.wikipedia import read_dump
from encodery.files.streams import decompress, reading

Reader = Callable[[io.BufferedReader, str, CorpusInput, Ledger], Iterator[Page]]


def read_crawl(stream: io.BufferedReader, source: str, entry: CorpusInput, ledger: Ledger) -> Iterator[Page]:
    """The pages of a WARC or WET file that have text: responses with status 2xx, saved pages, extracted text."""

    def report(place: str, reason: str) -> None:
        ledger.damaged(f"{source}!{place}", reason)

    with reading(source):
        for record in read_records(stream, source, report):
            payload = payload_of(record)
            if payload is None:
                continue
            page = Page(
                "",
                f"{source}!{record.place}",
                url=record.header.get("warc-target-uri", "").strip("<>"),
                date=record.header.get("warc-date", ""),
                language=entry.language or "",
            )
            if _gets_text(page, payload, entry, ledger):
                yield page


def read_html(stream: io.BufferedReader, source: str, entry: CorpusInput, ledger: Ledger) -> Iterator[Page]:
    """The page that an HTML file is, if it has text."""
    with reading(source):
        data = decompress(stream, source).read(MAX_PAGE_BYTES)
    page = Page("", source, language=entry.language or "")
    if _gets_text(page, Payload(200, "html", "", data), entry, ledger):
        yield page


def _gets_text(page: Page, payload: Payload, entry: CorpusInput, ledger: Ledger) -> bool:
    """Give a page its text; without any it is dropped, and counted."""
    if payload.status // 100 != 2:
        ledger.drop(page, "read/status")
    elif payload.kind is None:
        ledger.drop(page, "read/type")
    else:
        page.text = guarded(lambda: _text(payload, entry), page, ledger)
        if not page.text and not page.dropped:
            ledger.drop(page, "read/empty")
    return not page.dropped


def _text(payload: Payload, entry: CorpusInput) -> str:
    text = decode(payload.data, payload.charset)
    return paragraphs(html_text(text, entry.extractor) if payload.kind == "html" else text)


WEB_READERS: Mapping[Format, Reader] = {
    "warc": read_crawl,
    "wet": read_crawl,
    "html": read_html,
    "wikipedia": read_dump,
}
"""By format; each is given the file as it lies there, compressed or not."""
