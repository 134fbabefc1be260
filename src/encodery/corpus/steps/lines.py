"""Lines that are no text, by the user's own lists and patterns."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, NonNegativeInt

from encodery.config import Config
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.files.streams import open_bytes, read_lines

_STOPS = tuple(".!?…:。！？｡।॥۔؟።።။។៖")
"""How sentences end, in scripts that write it."""
_CLOSING = "\"'”’»«“()[]『』「」（）*0123456789"
"""What may stand behind it: quotes, brackets, marks of notes."""


def check_pattern(pattern: str) -> str:
    """A regular expression of the user's, as it is given.

    Raises:
        ValueError: it is none.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression ({error})") from None
    return pattern


Pattern = Annotated[str, AfterValidator(check_pattern)]


def any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for all; None if there is none."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None


class LinesConfig(Config):
    """`[corpus.clean.lines]`."""

    listed: tuple[str, ...] = ()
    """Files with a line of boilerplate a line ("Accept all cookies"); compared without case and outer blanks."""
    patterns: tuple[Pattern, ...] = ()
    """Regular expressions; lines in which one is found are cut."""
    min_characters: NonNegativeInt = 0
    """Shorter lines are cut."""
    tail_after: NonNegativeInt = 0
    """Lines behind the last that has so many characters and ends as a sentence are cut: what extraction leaves of
    links to other articles (80 is best on annotated pages, docs/reading.md). 0: none. A text without such a line is
    left alone."""


class LinesStep:
    """Cuts lines as `lines/listed`, `lines/pattern`, `lines/short` and `lines/tail`; a page without any left is
    `lines/empty`."""

    name = "lines"

    def __init__(self, config: LinesConfig, base: Path) -> None:
        """
        Args:
            base: where relative paths of lists start.

        Raises:
            UserError: a list is missing or not UTF-8.
        """
        self._listed = frozenset(line.casefold() for path in config.listed for line in listed_lines(base / path))
        self._pattern = any_of(config.patterns)
        self._min_characters = config.min_characters
        self._tail_after = config.tail_after

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Cut the lines of the pages that are not dropped."""
        for page in pages:
            if not page.dropped:
                self._cut(page, ledger)

    def _cut(self, page: Page, ledger: Ledger) -> None:
        lines = page.paragraphs
        for line in lines if self._min_characters else ():
            ledger.observe("lines/characters", len(line), page, (self._min_characters,), line)
        end = self._end(lines)
        reasons = [self._reason(line) for line in lines[:end]] + ["lines/tail"] * (len(lines) - end)
        if not any(reasons):
            return
        for reason in sorted({reason for reason in reasons if reason}):
            ledger.cut(page, reason, [line for line, why in zip(lines, reasons, strict=True) if why == reason])
        page.text = "\n".join(line for line, why in zip(lines, reasons, strict=True) if not why)
        if not page.text:
            ledger.drop(page, "lines/empty")

    def _end(self, lines: Sequence[str]) -> int:
        """Where the tail begins."""
        if not self._tail_after:
            return len(lines)
        sentences = (
            number
            for number in range(len(lines), 0, -1)
            if len(lines[number - 1]) >= self._tail_after and lines[number - 1].rstrip(_CLOSING).endswith(_STOPS)
        )
        return next(sentences, len(lines))

    def _reason(self, line: str) -> str:
        """Why a line is cut; nothing if it stays."""
        if len(line) < self._min_characters:
            return "lines/short"
        if self._listed and line.strip().casefold() in self._listed:
            return "lines/listed"
        return "lines/pattern" if self._pattern and self._pattern.search(line) else ""


def listed_lines(path: Path) -> list[str]:
    """The entries of a list of the user's: its lines, without blank ones and those that begin with `#`.

    Raises:
        UserError: the file is missing or not UTF-8.
    """
    with open_bytes(path) as stream:
        lines = [line.strip() for line in read_lines(stream, str(path))]
    return [line for line in lines if line and not line.startswith("#")]
