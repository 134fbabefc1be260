"""MB/s of one core from files to pages, as Markdown.

    python benchmarks/reading_speed.py ../shared/data > table.md

Crawl files are made of the pages of `web/trafilatura-eval`, a gzip member a record, with a request and metadata
beside each response, as Common Crawl has them. CPU seconds; the best of three rounds, in which the rows take turns.
"""

import bz2
import gzip
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extraction import annotated

from encodery.corpus.inputs import CorpusInput
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page, Step
from encodery.corpus.reading.http import payload_of
from encodery.corpus.reading.pages import read_pages
from encodery.corpus.reading.warc import read_records
from encodery.corpus.steps.lines import LinesConfig, LinesStep
from encodery.corpus.steps.repair import RepairConfig, RepairStep
from encodery.corpus.steps.url import UrlConfig, UrlStep

Work = Callable[[], Any]
_ARTICLE = """'''City''' is a [[town (Germany)|town]] on the [[River]], 30 km from [[Other]].<ref>{{cite|url=http://x.y}}</ref>
It was founded in 1234 and has 12,000 inhabitants, most of whom work in farming or in the [[sugar]] industry. In the
19th century it grew quickly, and the old walls were taken down; of the gates only one is left.
{| class="wikitable"
| a || b {{x}}
|}
"""


def record(kind: str, content: bytes, number: int) -> bytes:
    """A record as Common Crawl has it."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://site{number}.example/page\r\n"
        "WARC-Date: 2024-05-18T01:58:10Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + content + b"\r\n\r\n", 6)


def make_files(data: Path, folder: Path) -> dict[str, tuple[Path, float]]:
    """The files that are read, with the MB of HTML, text or XML that each holds."""
    pages = [page.html.encode() for page in annotated(data)]
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    crawl = folder / "a.warc.gz"
    with crawl.open("wb") as out:
        for number, html in enumerate(pages):
            out.write(record("request", b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n", number))
            out.write(record("response", http + html, number))
            out.write(record("metadata", b"fetchTimeMs: 2\r\n", number))
    entry = CorpusInput(path=str(crawl), extractor="full-text")
    texts = [page.text.encode() for page in read_pages(crawl, entry, Ledger())]
    wet = folder / "a.wet.gz"
    wet.write_bytes(b"".join(record("conversion", text, number) for number, text in enumerate(texts)))
    text = (_ARTICLE * 7).replace("&", "&amp;").replace("<", "&lt;")
    xml = "".join(f"<page><title>T{n}</title><ns>0</ns><text>{text}</text></page>\n" for n in range(3000)).encode()
    plain, packed = folder / "a.xml", folder / "b.xml.bz2"
    plain.write_bytes(b"<mediawiki>" + xml)
    packed.write_bytes(bz2.compress(b"<mediawiki>" + xml[: len(xml) // 5]))
    html_mb, text_mb = sum(map(len, pages)) / 1e6, sum(map(len, texts)) / 1e6
    sizes = {crawl: html_mb, wet: text_mb, plain: len(xml) / 1e6, packed: len(xml) / 5e6}
    return {path.name: (path, megabytes) for path, megabytes in sizes.items()}


def reads(path: Path, **options: Any) -> Work:
    """All pages of a file."""
    entry = CorpusInput(path=str(path), **options)
    return lambda: sum(1 for _ in read_pages(path, entry, Ledger()))


def steps_over(pages: list[Page], step: Step) -> Work:
    """A step over copies of pages."""
    return lambda: step(
        [Page(page.text, page.source, url=f"http://site{n}.example/a") for n, page in enumerate(pages)], Ledger()
    )


def works(files: dict[str, tuple[Path, float]], folder: Path) -> dict[str, tuple[Work, float]]:
    """What is timed, with the MB that it reads."""
    from fastwarc.warc import ArchiveIterator

    crawl, html = files["a.warc.gz"]
    wet, text = files["a.wet.gz"]
    pages = list(read_pages(wet, CorpusInput(path=str(wet)), Ledger()))
    blocked = folder / "blocked.txt"
    blocked.write_text("".join(f"bad{number}.example\n" for number in range(100_000)))

    def fastwarc() -> None:
        with crawl.open("rb") as stream:
            for found in ArchiveIterator(stream):
                found.reader.read()

    def records() -> None:
        with crawl.open("rb") as stream:
            for found in read_records(stream, "a", print):
                payload_of(found)

    return {
        "WARC.gz: records, fastwarc alone": (fastwarc, html),
        "WARC.gz: records and what they carry": (records, html),
        "WARC.gz: pages, `main-content`": (reads(crawl), html),
        "WARC.gz: pages, `full-text`": (reads(crawl, extractor="full-text"), html),
        "WET.gz: pages": (reads(wet), text),
        "Wikipedia XML: articles": (reads(files["a.xml"][0]), files["a.xml"][1]),
        "Wikipedia XML.bz2: articles": (reads(files["b.xml.bz2"][0]), files["b.xml.bz2"][1]),
        "step `repair`": (steps_over(pages, RepairStep(RepairConfig())), text),
        "step `lines`, `tail_after`": (steps_over(pages, LinesStep(LinesConfig(tail_after=80), folder)), text),
        "step `url`, 100,000 domains": (steps_over(pages, UrlStep(UrlConfig(blocked=(str(blocked),)), folder)), text),
    }


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timed = works(make_files(Path(sys.argv[1]), folder), folder)
        best = dict.fromkeys(timed, float("inf"))
        for _ in range(3):
            for case, (work, _megabytes) in timed.items():
                started = time.process_time()
                work()
                best[case] = min(best[case], time.process_time() - started)
    print("| what | MB/s | ms/MB |\n|---|---|---|")
    for case, (_work, megabytes) in timed.items():
        print(f"| {case} | {megabytes / best[case]:.1f} | {1000 * best[case] / megabytes:.2f} |")


if __name__ == "__main__":
    main()
