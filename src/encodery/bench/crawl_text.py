"""Sentences for the pages of a made crawl: those of the demo, and of the data for development where it is at hand."""

import gzip
import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from encodery.demo.facts import LANGUAGES
from encodery.demo.world import documents

DEMO_WORDS = 20_000
REAL_PAGES = "web/trafilatura-eval/html.tar.gz"
"""Pages of real sites, in the folder of data for development."""
LEAST = 200
"""Languages with fewer sentences are left out: their pages would all be alike."""
_SHORTEST, _LONGEST = 30, 400
_ENDS = re.compile(r"(?<=[.!?։])\s+|(?<=[。！？।])\s*")


@dataclass(frozen=True)
class _Source:
    """Files of one language, and where in them the text is."""

    language: str
    path: str
    text: str = r"(?s)(.+)"
    """A pattern whose first group is a piece of text."""
    is_json: bool = False


_VERSES = r"<seg[^>]*>\s*([^<]+?)\s*</seg>"
_CONTEXT = r'"context":\s*("(?:[^"\\]|\\.)*")'
_ARTICLE = r"(?m)^[^\t]*\t[^\t]*\t([^\t]+)\t"
_SOURCES = (
    *(_Source(ours, f"text/eltec/{theirs}.tar.gz") for ours, theirs in (("en", "eng"), ("de", "deu"), ("fr", "fra"))),
    *(
        _Source(language, f"qa/xquad/xquad.{language}.json.gz", _CONTEXT, True)
        for language in ("es", "zh", "ar", "hi")
    ),
    *(
        _Source(language, f"parallel/bible/{name}.xml.gz", _VERSES)
        for language, name in (
            ("uk", "Ukranian-NT"),
            ("sw", "Swahili-NT"),
            ("hy", "Armenian-PART"),
            ("eu", "Basque-NT"),
            ("et", "Estonian-PART"),
            ("lv", "Latvian-NT"),
            ("gu", "Gujarati-NT"),
        )
    ),
    _Source("yo", "classification/masakhanews/yor/train.tsv.gz", _ARTICLE),
)


def sentences(data: Path | None) -> dict[str, list[str]]:
    """By language, in the same order everywhere; `data` is the folder of data for development."""
    found = {language: [*_told(language)] for language in LANGUAGES}
    for source in _SOURCES if data else ():
        path = data / source.path if data else Path()
        if path.is_file():
            found.setdefault(source.language, []).extend(_split(_pieces(path, source)))
    return {language: kept for language, lines in found.items() if len(kept := list(dict.fromkeys(lines))) >= LEAST}


def sources_hash(data: Path | None) -> str:
    """Of names and sizes of the files that crawls are made from; equal where crawls are."""
    names = [*(source.path for source in _SOURCES), REAL_PAGES] if data else []
    paths = [(name, data / name) for name in names] if data else []
    sizes = [[name, path.stat().st_size] for name, path in paths if path.is_file()]
    return hashlib.sha256(json.dumps(sizes).encode()).hexdigest()[:16]


@lru_cache
def _told(language: str) -> tuple[str, ...]:
    said = (sentence for document in documents(language, words=DEMO_WORDS) for sentence in document)
    return tuple(sentence for sentence in said if len(sentence) >= _SHORTEST)


def _pieces(path: Path, source: _Source) -> Iterator[str]:
    for text in _texts(path):
        for match in re.finditer(source.text, text):
            yield json.loads(match[1]) if source.is_json else match[1]


def _texts(path: Path) -> Iterator[str]:
    if not path.name.endswith(".tar.gz"):
        yield gzip.decompress(path.read_bytes()).decode()
        return
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file:
                yield file.read().decode()


def _split(pieces: Iterable[str]) -> Iterator[str]:
    for piece in pieces:
        for sentence in _ENDS.split(" ".join(piece.split())):
            if len(sentence.encode()) >= _SHORTEST and len(sentence) <= _LONGEST:
                yield sentence
