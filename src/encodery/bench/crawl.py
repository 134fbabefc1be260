"""A crawl made here, so that the benchmark of the corpus needs nothing from outside: WARC files as Common Crawl has.

The same seed, size and data give the same bytes. Pages are half real ones (where those are at hand), whose paragraphs
hold other text, and half invented ones; a part of them are copies, word by word or nearly.
"""

import uuid
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from encodery.bench.crawl_pages import MadePage, Pages, real_frames
from encodery.bench.crawl_text import sentences, sources_hash
from encodery.config import Config, read_json, write_json
from encodery.errors import UserError

SEED = 20_260_301
FILE_BYTES = 32_000_000
"""HTML in a file; Common Crawl's have about 5 GB."""
_FACTS = "crawl.json"
_FORMAT = 1
_INFO = "software: encodery\r\nformat: WARC File Format 1.0\r\n"


class CrawlFile(Config):
    """One of its files."""

    name: str
    html_bytes: int
    pages: int


class Crawl(Config):
    """What a crawl holds."""

    format: int
    seed: int
    data: str
    """`sources_hash` of what it was made from."""
    files: list[CrawlFile]
    kinds: dict[str, int]
    """Pages by kind: `own`, `exact`, `near`."""
    languages: dict[str, int]

    @property
    def html_bytes(self) -> int:
        """Of all pages, HTTP headers aside."""
        return sum(file.html_bytes for file in self.files)

    @property
    def pages(self) -> int:
        """All of them."""
        return sum(file.pages for file in self.files)


def make_crawl(folder: Path, html_bytes: int, data: Path | None, file_bytes: int = FILE_BYTES) -> Crawl:
    """Write files until they hold so much HTML; where they are there already, they are left as they are.

    Raises:
        UserError: the folder holds something else.
    """
    made_from = sources_hash(data)
    if (folder / _FACTS).is_file():
        crawl = Crawl.parse(read_json(folder / _FACTS), str(folder / _FACTS))
        if (crawl.format, crawl.seed, crawl.data) == (_FORMAT, SEED, made_from) and crawl.html_bytes >= html_bytes:
            return crawl
        raise UserError(f"{folder}: holds another crawl; remove it, or name another --folder")
    folder.mkdir(parents=True, exist_ok=True)
    pages = Pages(SEED, sentences(data), real_frames(data))
    files: list[CrawlFile] = []
    kinds: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    number = 0
    while sum(file.html_bytes for file in files) < html_bytes:
        name = f"{len(files):05}.warc.gz"
        size, first = 0, number
        with (folder / name).open("wb") as file:
            file.write(
                _record("warcinfo", "", "2026-03-01T00:00:00Z", name, _INFO.encode(), "application/warc-fields")
            )
            while size < min(file_bytes, html_bytes):
                page = pages.page(number)
                for record in _records(page):
                    file.write(record)
                size += len(page.html.encode())
                kinds[page.kind] += 1
                languages[page.language] += 1
                number += 1
        files.append(CrawlFile(name=name, html_bytes=size, pages=number - first))
    crawl = Crawl(
        format=_FORMAT, seed=SEED, data=made_from, files=files, kinds=dict(kinds), languages=dict(languages)
    )
    write_json(folder / _FACTS, crawl.model_dump())
    return crawl


def _records(page: MadePage) -> Iterator[bytes]:
    """Request, response and metadata, as a crawler writes them."""
    path = page.url.split("/", 3)[3]
    request = f"GET /{path} HTTP/1.1\r\nHost: {page.url.split('/')[2]}\r\nAccept: text/html\r\n\r\n"
    body = page.html.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    http = "application/http; msgtype="
    named = f"{page.number}"
    yield _record("request", page.url, page.date, named, request.encode(), f"{http}request")
    yield _record("response", page.url, page.date, named, head.encode() + body, f"{http}response")
    yield _record("metadata", page.url, page.date, named, b"fetchTimeMs: 117\r\n", "application/warc-fields")


def _record(kind: str, url: str, date: str, name: str, content: bytes, content_type: str) -> bytes:
    """A gzip member of its own, as the format recommends."""
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {name}")
    lines = ["WARC/1.0", f"WARC-Type: {kind}", f"WARC-Date: {date}", f"WARC-Record-ID: <urn:uuid:{identity}>"]
    lines += [f"WARC-Target-URI: {url}"] if url else []
    lines += [f"Content-Type: {content_type}", f"Content-Length: {len(content)}", "", ""]
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    return packer.compress("\r\n".join(lines).encode() + content + b"\r\n\r\n") + packer.flush()
