"""Text of web pages against annotated segments, as Markdown.

    python benchmarks/extraction.py ../shared/data > benchmarks/results/DATE-extraction.md

The evaluation is trafilatura's own (`tests/eval` of its repository): of each page segments that belong to its text,
and segments that do not. One that is found and belongs to it is a true positive. Times are CPU seconds of one core.
"""

import gzip
import json
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from resiliparse.extract.html2text import extract_plain_text

from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.reading.encoding import decode
from encodery.corpus.reading.html import html_text
from encodery.corpus.reading.paragraphs import paragraphs
from encodery.corpus.steps.lines import LinesConfig, LinesStep

Extract = Callable[[str], str]
_MAIN = {"main_content": True, "alt_texts": False, "links": False, "list_bullets": False, "comments": False}
_TAIL = LinesStep(LinesConfig(tail_after=80), Path())


class Annotated(NamedTuple):
    """A page and what belongs to its text, or does not."""

    html: str
    inside: list[str]
    outside: list[str]


def annotated(data: Path) -> list[Annotated]:
    """The pages of the evaluation that are at hand."""
    folder = data / "web/trafilatura-eval"
    with tarfile.open(folder / "html.tar.gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        pages = {name: file.read() for name, file in files.items() if file}
    entries = json.loads(gzip.decompress((folder / "evaldata.json.gz").read_bytes())).values()
    by_name = {name.removeprefix("./"): html for name, html in pages.items()}
    return [
        Annotated(decode(by_name[entry["path"]]), entry["with"], entry["without"])
        for entry in entries
        if entry["path"] in by_name
    ]


class Scores(NamedTuple):
    """Of texts against what is annotated."""

    precision: float
    recall: float
    f1: float
    accuracy: float


def scores_of(texts: list[str], pages: list[Annotated]) -> Scores:
    """Scores of what was found in each page, a paragraph a line."""
    pairs = list(zip(pages, texts, strict=True))
    found = sum(segment in text for page, text in pairs for segment in page.inside)
    wrong = sum(segment in text for page, text in pairs for segment in page.outside)
    inside, outside = (sum(len(segments) for segments in kind) for kind in list(zip(*pages, strict=True))[1:])
    precision, recall = found / (found + wrong), found / inside
    f1 = 2 * precision * recall / (precision + recall)
    return Scores(precision, recall, f1, (found + outside - wrong) / (inside + outside))


def row(name: str, extract: Extract, pages: list[Annotated]) -> str:
    """Scores and speed of one way to extract."""
    started = time.process_time()
    texts = [extract(page.html) for page in pages]
    seconds = time.process_time() - started
    texts = [paragraphs(text) for text in texts]
    numbers = " | ".join(f"{number:.3f}" for number in scores_of(texts, pages))
    megabytes = sum(len(page.html.encode()) for page in pages) / 1e6
    characters = sum(map(len, texts)) / 1e6
    return f"| {name} | {numbers} | {characters:.2f} | {megabytes / seconds:.1f} |"


def settings(**more: Any) -> Extract:
    """resiliparse with these settings."""
    return lambda page: extract_plain_text(page, **(_MAIN | more))


def without_tail(page: str) -> str:
    """Ours, and what `lines.tail_after` leaves of it."""
    found = Page(paragraphs(html_text(page, "main-content")), "")
    _TAIL([found], Ledger())
    return found.text


def ways() -> Iterator[tuple[str, Extract]]:
    """All that are compared."""
    import trafilatura

    yield "**`main-content`** (ours)", lambda page: html_text(page, "main-content")
    yield "`main-content`, then `lines.tail_after = 80`", without_tail
    yield "**`full-text`** (ours)", lambda page: html_text(page, "full-text")
    yield "**`trafilatura`** (ours: its precision mode)", lambda page: html_text(page, "trafilatura")
    yield (
        "trafilatura by default, without comments",
        lambda page: trafilatura.extract(page, include_comments=False) or "",
    )
    yield (
        "trafilatura, fast, without comments",
        lambda page: trafilatura.extract(page, include_comments=False, fast=True) or "",
    )
    yield "resiliparse as it comes, main content", lambda page: extract_plain_text(page, main_content=True)
    yield "main content without alternative texts, links, bullets, comments", settings()
    for name in ("alt_texts", "links", "list_bullets", "comments", "noscript", "form_fields"):
        yield f"that with `{name}`", settings(**{name: True})
    yield "that without `post_meta`", settings(post_meta=False)
    yield "that without `table`", settings(skip_elements=["table"])
    yield "that without `nav`, `footer`, `aside`", settings(skip_elements=["nav", "footer", "aside"])


def main() -> None:
    """Print the table."""
    pages = annotated(Path(sys.argv[1]))
    print(f"# Extraction of text from {len(pages)} annotated pages\n")
    print(
        "| way | precision | recall | F1 | accuracy | characters (M) | MB/s of HTML |\n|---|---|---|---|---|---|---|"
    )
    for name, extract in ways():
        print(row(name, extract, pages), flush=True)


if __name__ == "__main__":
    main()
