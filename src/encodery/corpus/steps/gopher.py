"""Gopher's rules for the quality of documents (Rae et al., 2021, "Scaling Language Models", appendix A.1.1), as
FineWeb has them (datatrove 0.10, `GopherQualityFilter`), with words as `str.split()` finds them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from encodery.config import Config
from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.languages import language_code
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.steps.words import has_words, word_counts

_CHARACTERS = 1 << 18
Words = Mapping[str, tuple[str, ...]]
STOP_WORDS: Words = {"en": ("the", "be", "to", "of", "and", "that", "have", "with")}
"""Gopher's."""


def _with_defaults(given: Words) -> Words:
    """Languages by our codes, those that are not given with the words that they have anyway."""
    words: dict[str, tuple[str, ...]] = {}
    for language, listed in given.items():
        if (code := language_code(language)) in words:
            raise ValueError(f"{language!r:.80} names the language {code!r} a second time; give its words once")
        words[code] = listed
    return {**STOP_WORDS, **words}


class GopherConfig(Config):
    """`[corpus.clean.gopher]`; the numbers are Gopher's. Rules on words (all but those on lines) are passed over in
    languages without spaces between words."""

    min_words: NonNegativeInt = 50
    max_words: PositiveInt = 100_000
    min_word_length: NonNegativeFloat = 3.0
    """Of the mean."""
    max_word_length: NonNegativeFloat = 10.0
    max_symbols: NonNegativeFloat = 0.1
    """Of `#`, and of ellipses, for each word."""
    max_bullets: float = Field(default=0.9, ge=0, le=1)
    """Share of lines that begin with a bullet."""
    max_ellipses: float = Field(default=0.3, ge=0, le=1)
    """Share of lines that end with an ellipsis."""
    min_with_letters: float = Field(default=0.8, ge=0, le=1)
    """Share of words with a letter in them."""
    min_stop_words: NonNegativeInt = 2
    """So many different ones of `stop_words` must occur."""
    stop_words: Annotated[Words, AfterValidator(_with_defaults)] = STOP_WORDS
    """By language, beside Gopher's English ones; `en = []` leaves these out. The rule is passed over in languages
    that have none."""


class GopherStep:
    """Drops documents that break one of the rules."""

    name = "gopher"

    def __init__(self, config: GopherConfig, base: Path) -> None:
        self._config = config
        self._stop_words = {
            language: re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, words))})(?!\S)")
            for language, words in config.stop_words.items()
            if words
        }

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Judge all pages that are not dropped."""
        live = [page for page in pages if not page.dropped]
        for page, counts in zip(live, _counts([page.text for page in live]), strict=True):
            spaced = has_words(page)
            if spaced:
                self._observe(page, ledger, *counts)
            of_lines = self._against_lines(page, ledger)
            if why := (spaced and self._against_words(page, *counts)) or of_lines:
                ledger.drop(page, f"{self.name}/{why}")

    def _observe(
        self, page: Page, ledger: Ledger, words: int, real: int, real_characters: int, with_letters: int
    ) -> None:
        """The measures of words, for the report."""
        config = self._config
        ledger.observe(f"{self.name}/words", real, page, (config.min_words, config.max_words))
        if real:
            limits = (config.min_word_length, config.max_word_length)
            ledger.observe(f"{self.name}/word_length", real_characters / real, page, limits)
        if words:
            ledger.observe(f"{self.name}/with_letters", with_letters / words, page, (config.min_with_letters,))
            ledger.observe(f"{self.name}/hashes", _hashes(page) / words, page, (config.max_symbols,))
            ledger.observe(f"{self.name}/ellipses", _ellipses(page) / words, page, (config.max_symbols,))
        if page.language in self._stop_words:
            ledger.observe(f"{self.name}/stop_words", self._num_stop_words(page), page, (config.min_stop_words,))

    def _against_words(self, page: Page, words: int, real: int, real_characters: int, with_letters: int) -> str:
        config = self._config
        if real < config.min_words or not words:
            return "short"
        if real > config.max_words:
            return "long"
        if real and real_characters / real < config.min_word_length:
            return "short_words"
        if real and real_characters / real > config.max_word_length:
            return "long_words"
        if _hashes(page) / words > config.max_symbols:
            return "hashes"
        if _ellipses(page) / words > config.max_symbols:
            return "ellipses"
        if with_letters / words < config.min_with_letters:
            return "no_letters"
        few = page.language in self._stop_words and self._num_stop_words(page) < config.min_stop_words
        return "no_stop_words" if few else ""

    def _against_lines(self, page: Page, ledger: Ledger) -> str:
        config, lines = self._config, page.paragraphs
        bullets = sum(line.lstrip().startswith(("•", "-")) for line in lines)
        ellipses = sum(line.rstrip().endswith(("...", "…")) for line in lines)
        if lines:
            ledger.observe(f"{self.name}/bullets", bullets / len(lines), page, (config.max_bullets,))
            ledger.observe(f"{self.name}/line_ellipses", ellipses / len(lines), page, (config.max_ellipses,))
        if bullets > config.max_bullets * len(lines):
            return "bullets"
        return "line_ellipses" if ellipses > config.max_ellipses * len(lines) else ""

    def _num_stop_words(self, page: Page) -> int:
        """How many different ones there are, as far as it matters: more than are asked for are not looked for."""
        found: set[str] = set()
        for match in self._stop_words[page.language].finditer(page.text):
            if len(found) >= self._config.min_stop_words:
                break
            found.add(match[0])
        return len(found)


def _hashes(page: Page) -> int:
    return page.text.count("#")


def _ellipses(page: Page) -> int:
    return page.text.count("...") + page.text.count("…")


def _counts(texts: Sequence[str]) -> Iterator[Sequence[int]]:
    for block in blocks(texts, _CHARACTERS):
        yield from np.stack(word_counts(block), 1).tolist()
