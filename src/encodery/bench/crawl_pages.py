"""The pages of a made crawl: real pages with other text in their paragraphs, and invented ones.

A page is a function of the seed and its number. Some are copies of earlier ones, word by word or nearly.
"""

import html
import random
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from encodery.bench.crawl_text import REAL_PAGES

EXACT, NEAR = 0.08, 0.06
"""Shares of pages that are copies of earlier ones, and copies with some words changed."""
CHANGED_WORDS = 0.02
REAL = 0.5
"""Share of pages in the frame of a real one, where there are any."""
_SITES = 61
_PARAGRAPH = re.compile(r"<p\b[^>]*>[^<]{80,}</p>", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_LARGEST = 60_000
"""Characters of a frame; larger pages are mostly scripts."""
_FEWEST = 3
_WITHOUT_SPACES = frozenset({"zh"})


@dataclass(frozen=True)
class MadePage:
    """One page as it is fetched."""

    number: int
    url: str
    date: str
    language: str
    html: str
    kind: str
    """`own`, or `exact` or `near`: a copy of an earlier one."""


Frame = Sequence[str]
"""A page without its paragraphs: what is before, between and after them."""


def real_frames(data: Path | None) -> list[Frame]:
    """Of the real pages at hand, those in UTF-8 with some paragraphs of plain text."""
    path = data / REAL_PAGES if data else None
    if path is None or not path.is_file():
        return []
    with tarfile.open(path) as archive:
        members = sorted((member for member in archive if member.isfile()), key=lambda member: member.name)
        files = [archive.extractfile(member) for member in members]
        pages = [file.read() for file in files if file]
    return [frame for page in pages if (frame := _frame(page))]


def _frame(page: bytes) -> Frame | None:
    try:
        text = page.decode()
    except UnicodeDecodeError:
        return None
    charset = _CHARSET.search(text)
    is_utf8 = charset is None or charset[1].lower() in ("utf-8", "utf8")
    outside = _PARAGRAPH.split(text)
    return outside if is_utf8 and len(outside) > _FEWEST and sum(map(len, outside)) <= _LARGEST else None


class Pages:
    """All pages of a crawl, by number."""

    def __init__(self, seed: int, sentences: Mapping[str, Sequence[str]], frames: Sequence[Frame]) -> None:
        self._seed = seed
        self._sentences = sentences
        self._frames = frames
        self._languages = sorted(sentences, key=lambda language: (-len(sentences[language]), language))
        self._weights = [1 / (rank + 1) for rank in range(len(self._languages))]

    def page(self, number: int) -> MadePage:
        """One page. Its copies are later, and have addresses of their own."""
        kind, original = self._origin(number)
        chance = random.Random(f"{self._seed} page {original}")
        language = chance.choices(self._languages, self._weights)[0]
        paragraphs = self._paragraphs(language, chance)
        body = self._framed(
            paragraphs if kind != "near" else self._changed(paragraphs, language, number), language, chance
        )
        day = number % 28 + 1
        url = f"https://site{number % _SITES}.example/{language}/{number}.html"
        return MadePage(number, url, f"2026-03-{day:02}T00:00:00Z", language, body, kind)

    def _origin(self, number: int) -> tuple[str, int]:
        """What a page is, and the page it is made from."""
        chance = random.Random(f"{self._seed} kind {number}")
        drawn = chance.random()
        if number == 0 or drawn >= EXACT + NEAR:
            return "own", number
        original = self._origin(chance.randrange(number))[1]
        return ("exact" if drawn < EXACT else "near"), original

    def _paragraphs(self, language: str, chance: random.Random) -> list[str]:
        """Sentences in any order, so that paragraphs differ though sentences come again."""
        known = self._sentences[language]
        number = min(60, max(1, int(chance.lognormvariate(2.1, 0.8))))
        space = "" if language in _WITHOUT_SPACES else " "
        return [space.join(chance.choices(known, k=chance.randint(2, 6))) for _ in range(number)]

    def _changed(self, paragraphs: Sequence[str], language: str, number: int) -> list[str]:
        """Some words are said twice, the first one always; characters where words are not set apart."""
        chance = random.Random(f"{self._seed} changes {number}")
        space = "" if language in _WITHOUT_SPACES else " "
        changed = []
        for index, paragraph in enumerate(paragraphs):
            words = paragraph.split(" ") if space else list(paragraph)
            twice = [chance.random() < CHANGED_WORDS or index == place == 0 for place in range(len(words))]
            changed.append(space.join(f"{w}{space}{w}" if t else w for w, t in zip(words, twice, strict=True)))
        return changed

    def _framed(self, paragraphs: Sequence[str], language: str, chance: random.Random) -> str:
        written = [f"<p>{html.escape(paragraph)}</p>\n" for paragraph in paragraphs]
        if self._frames and chance.random() < REAL:
            return _fill(chance.choice(self._frames), written)
        return _fill(_site(chance.randrange(_SITES), language), written)


def _fill(frame: Frame, paragraphs: Sequence[str]) -> str:
    """The paragraphs, in order, spread over the places of a frame."""
    places = len(frame) - 1
    parts = [frame[0]]
    for place in range(places):
        start, end = (len(paragraphs) * edge // places for edge in (place, place + 1))
        parts += [*paragraphs[start:end], frame[place + 1]]
    return "".join(parts)


@cache
def _site(number: int, language: str) -> Frame:
    """What pages of a site have in common: menus, scripts, styles and a footer."""
    chance = random.Random(f"site {number}")
    names = [f"{_word(chance).title()} {_word(chance)}" for _ in range(24)]
    links = "".join(f'<li><a href="/{n}">{name}</a></li>\n' for n, name in enumerate(names))
    rules = "".join(f".{_word(chance)} {{ margin: {chance.randrange(40)}px }}\n" for _ in range(60))
    script = "".join(f"var {_word(chance)} = {chance.random()};\n" for _ in range(120))
    head = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n<title>{names[0]}</title>\n'
        f"<style>\n{rules}</style>\n<script>\n{script}</script>\n</head>\n<body>\n"
        f"<nav><ul>\n{links}</ul></nav>\n<main><article>\n<h1>{names[1]}</h1>\n"
    )
    footer = f"<footer>© 2026 {names[2]}</footer>"
    foot = f"</article></main>\n<aside><ul>\n{links}</ul></aside>\n{footer}\n</body>\n</html>\n"
    return (head, foot)


def _word(chance: random.Random) -> str:
    return "".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(chance.randint(2, 4)))
