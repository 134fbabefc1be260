"""Gopher's rules against repetition (Rae et al., 2021, "Scaling Language Models", appendix A.1.1, table A1), as
FineWeb has them (datatrove 0.10, `GopherRepetitionFilter`), with words as `str.split()` finds them.

A page's lines are its paragraphs: the table's rows for paragraphs have the same limits as those for lines.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float64, Int64
from pydantic import AfterValidator, Field

from encodery.config import Config
from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.ledger import Ledger
from encodery.corpus.page import Page
from encodery.corpus.steps.repeats import Documents, repeated
from encodery.corpus.steps.words import has_words

_CHARACTERS = 1 << 18


def _shares(limits: tuple[float, ...]) -> tuple[float, ...]:
    if not all(0 <= limit <= 1 for limit in limits):
        raise ValueError("shares are between 0 and 1")
    return limits


class RepetitionConfig(Config):
    """`[corpus.clean.repetition]`; the numbers are Gopher's. Runs of words are passed over in languages without
    spaces between words."""

    max_lines: float = Field(default=0.30, ge=0, le=1)
    """Share of lines that the document already had."""
    max_line_characters: float = Field(default=0.20, ge=0, le=1)
    """Share of characters in these."""
    top_runs: Annotated[tuple[float, ...], Field(max_length=3), AfterValidator(_shares)] = (0.20, 0.18, 0.16)
    """Share of characters in the most frequent run of 2, 3, 4 words."""
    repeated_runs: Annotated[tuple[float, ...], Field(max_length=6), AfterValidator(_shares)] = (
        0.15,
        0.14,
        0.13,
        0.12,
        0.11,
        0.10,
    )
    """Share of characters in runs of 5, 6, ..., 10 words that the document already had."""


class RepetitionStep:
    """Drops documents that repeat themselves."""

    name = "repetition"

    def __init__(self, config: RepetitionConfig, base: Path) -> None:
        self._config = config
        self._tops = dict(enumerate(config.top_runs, start=2))
        self._repeats = dict(enumerate(config.repeated_runs, start=5))

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Judge all pages that are not dropped."""
        live = [page for page in pages if not page.dropped]
        for page in live:
            if why := self._against_lines(page, ledger):
                ledger.drop(page, f"{self.name}/{why}")
        left = [page for page in live if not page.dropped and has_words(page)]
        found = [each for block in blocks([page.text for page in left], _CHARACTERS) for each in self._against(block)]
        for page, (why, top, again) in zip(left, found, strict=True):
            if self._tops:
                ledger.observe(f"{self.name}/top_runs", top, page, (1.0,))
            if again is not None:
                ledger.observe(f"{self.name}/repeated_runs", again, page, (1.0,))
            if why:
                ledger.drop(page, f"{self.name}/{why}")

    def _against_lines(self, page: Page, ledger: Ledger) -> str:
        lines = page.paragraphs
        number, characters = repeated(lines)
        share = characters / max(1, len(page.text))
        ledger.observe(f"{self.name}/line_characters", share, page, (self._config.max_line_characters,))
        ledger.observe(f"{self.name}/lines", number / max(1, len(lines)), page, (self._config.max_lines,))
        if number > self._config.max_lines * len(lines):
            return "lines"
        return "line_characters" if characters > self._config.max_line_characters * len(page.text) else ""

    def _against(self, texts: Sequence[str]) -> list[tuple[str, float, float | None]]:
        """Why each of some texts goes: the first of the rules that it breaks. With it how much of what is allowed the
        most frequent run has, and runs that the text already had, of the size that has most; None where words within
        such runs are too few to break a rule."""
        documents = Documents(texts)
        sizes = np.array([len(text) for text in texts])
        reasons = np.full(len(texts), "", object)
        tops, again = np.zeros(len(texts)), np.zeros(len(texts))
        runs = documents.pairs()
        for size in range(2, 5):
            if (share := self._tops.get(size)) is not None:
                found = documents.most_frequent(runs)
                reasons[(found > share * sizes) & (reasons == "")] = f"top_{size}"
                tops = np.maximum(tops, _of_allowed(found, share * sizes))
            runs = documents.longer(runs)
        lowest = min(self._repeats.values(), default=1.0)
        looked_at = (reasons == "") & (documents.covered(runs) > lowest * sizes)
        runs = documents.within(runs, looked_at)
        for size, share in self._repeats.items():
            found = documents.repeated(runs)
            reasons[(found > share * sizes) & (reasons == "")] = f"repeated_{size}"
            again = np.maximum(again, _of_allowed(found, share * sizes))
            runs = documents.longer(runs)
        known = [value if known else None for value, known in zip(again.tolist(), looked_at.tolist(), strict=True)]
        return list(zip(reasons.tolist(), tops.tolist(), known, strict=True))


def _of_allowed(
    found: Int64[np.ndarray, " texts"], allowed: Float64[np.ndarray, " texts"]
) -> Float64[np.ndarray, " texts"]:
    """Shares; where nothing is allowed and something found, infinity."""
    shares = np.where(found > 0, np.inf, 0.0)
    np.divide(found, allowed, out=shares, where=allowed > 0)
    return shares
