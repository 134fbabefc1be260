"""FineWeb's own rules (Penedo et al., 2024, "The FineWeb Datasets", section 3.5; datatrove 0.10,
`FineWebQualityFilter`), with words as `str.split()` finds them."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from encodery.config import Config
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.steps.punctuation import TERMINAL
from encodery.corpus.steps.repeats import repeated
from encodery.corpus.steps.words import has_words


class FineWebConfig(Config):
    """`[corpus.clean.fineweb]`; the numbers are FineWeb's. Rules on the length of lines (`max_short_lines`,
    `max_lines_per_word`) are passed over in languages without spaces between words, whose lines are short in
    characters and have no words to count."""

    min_end_marks: float = Field(default=0.12, ge=0, le=1)
    """Share of lines that end as a sentence does, in any script."""
    max_short_lines: float = Field(default=0.67, ge=0, le=1)
    """Share of lines of at most `short_line` characters."""
    short_line: NonNegativeInt = 30
    max_repeated: float = Field(default=0.01, ge=0, le=1)
    """Share of characters in lines that the document already had."""
    max_lines_per_word: NonNegativeFloat = 0.3
    """Line feeds for each word: lists have many."""


class FineWebStep:
    """Drops documents that break one of the rules."""

    name = "fineweb"

    def __init__(self, config: FineWebConfig, base: Path) -> None:
        self._config = config

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Judge all pages that are not dropped."""
        for page in pages:
            if not page.dropped and (why := self._against(page, ledger)):
                ledger.drop(page, f"{self.name}/{why}")

    def _against(self, page: Page, ledger: Ledger) -> str:
        """The rule that it breaks; what is measured is put down for the report."""
        config = self._config
        lines = page.paragraphs
        if not lines:
            return "empty"
        end_marks = sum(line[-1:] in TERMINAL for line in lines) / len(lines)
        ledger.observe(f"{self.name}/end_marks", end_marks, page, (config.min_end_marks,))
        twice = repeated(lines)[1] / (len(page.text) - len(lines) + 1)
        ledger.observe(f"{self.name}/repeated", twice, page, (config.max_repeated,))
        short_lines, num_words = 0.0, len(lines)
        if spaced := has_words(page):
            short_lines = sum(len(line) <= config.short_line for line in lines) / len(lines)
            num_words = len(page.text.split())
            ledger.observe(f"{self.name}/short_lines", short_lines, page, (config.max_short_lines,))
            breaks = (len(lines) - 1) / max(1, num_words)
            ledger.observe(f"{self.name}/lines_per_word", breaks, page, (config.max_lines_per_word,))
        if end_marks < config.min_end_marks:
            return "no_end_marks"
        if short_lines > config.max_short_lines:
            return "short_lines"
        if twice > config.max_repeated:
            return "repeated"
        return "list" if spaced and len(lines) - 1 > config.max_lines_per_word * num_words else ""
