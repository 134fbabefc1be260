"""Documents that hold parts of evaluation sets: what a model has seen in training it cannot be tested on.

The rule is that of GPT-3 (Brown et al., 2020, appendix C): 13 words in a row, without case and punctuation, are an
overlap; of shorter examples the whole, from 8 words on. GPT-3 cuts 200 characters on either side and ignores runs
that more than ten documents have; here the whole document is dropped, or the paragraphs that share a run are cut.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from encodery.config import Config
from encodery.corpus.dedup.evaluation import EvaluationFile
from encodery.corpus.dedup.overlap import Overlap
from encodery.corpus.ledger import Ledger, around
from encodery.corpus.page import Page
from encodery.errors import UserError
from encodery.files.streams import reading

Run = tuple[int, int, int]
"""Where its first and its last word begin, and the set that has it."""


class DecontaminateConfig(Config):
    """Evaluation sets that the corpus must not hold, and what is done where it does."""

    against: tuple[EvaluationFile, ...] = Field(min_length=1)
    drop: Literal["document", "paragraph"] = "document"
    """What goes where a run of words is shared."""
    words: int = Field(default=13, ge=1)
    """In a run; 1.5 times as many characters in scripts without spaces between words."""
    shortest: int = Field(default=8, ge=1)
    """Texts of fewer words are not looked for: they are anywhere by chance."""

    @model_validator(mode="after")
    def _in_order(self) -> "DecontaminateConfig":
        if self.shortest > self.words:
            raise ValueError(f"shortest = {self.shortest} is above words = {self.words}; lower it")
        return self


class DecontaminateStep:
    """The step `decontaminate`; its reasons are the names of the evaluation sets."""

    name = "decontaminate"

    def __init__(self, config: DecontaminateConfig, base: Path) -> None:
        self.config, self.base = config, base

    def check(self) -> None:
        """Read the evaluation files.

        Raises:
            UserError: one is missing, broken, or has no text that is long enough.
        """
        overlap(self.config, self.base)

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Drop or cut what shares a run of words with an evaluation set.

        Raises:
            UserError: an evaluation file is missing, broken, or has no text that is long enough.
        """
        left = [page for page in pages if not page.dropped]
        hits = overlap(self.config, self.base).find([page.text for page in left])
        rows = zip(*(column.tolist() for column in (hits.texts, hits.first, hits.last, hits.sets)), strict=True)
        for place, found in groupby(rows, key=lambda row: row[0]):
            page, runs = left[place], [run[1:] for run in found]
            if self.config.drop == "document":
                self._drop(page, runs, ledger)
            else:
                self._cut(page, runs, ledger)

    def _drop(self, page: Page, runs: list[Run], ledger: Ledger) -> None:
        owner = min(run[2] for run in runs)
        ledger.drop(page, self._reason(owner), _shown(page, runs, owner))

    def _cut(self, page: Page, runs: list[Run], ledger: Ledger) -> None:
        owners: dict[int, int] = {}
        for first, last, owner in runs:
            for number in range(page.text.count("\n", 0, first), page.text.count("\n", 0, last) + 1):
                owners[number] = min(owner, owners.get(number, owner))
        paragraphs = page.paragraphs
        if len(owners) == len(paragraphs):
            self._drop(page, runs, ledger)
            return
        for owner in sorted(set(owners.values())):
            gone = [paragraphs[place] for place in owners if owners[place] == owner]
            ledger.cut(page, self._reason(owner), gone, _shown(page, runs, owner))
        page.text = "\n".join(text for number, text in enumerate(paragraphs) if number not in owners)

    def _reason(self, number: int) -> str:
        return f"{self.name}/{self.config.against[number].label}"


def _shown(page: Page, runs: list[Run], owner: int) -> str:
    """The text around the first run that a set has."""
    first, last = min((first, last) for first, last, has_it in runs if has_it == owner)
    return around(page.text, first, last)


def evaluation_files(config: DecontaminateConfig, base: Path) -> list[Path]:
    """The files that the result depends on."""
    return [base / entry.path for entry in config.against]


def overlap(config: DecontaminateConfig, base: Path) -> Overlap:
    """The runs of words of all evaluation sets; made once in a process, as long as the files stay the same."""
    marks = []
    for path in evaluation_files(config, base):
        with reading(str(path)):
            status = path.stat()
        marks.append((status.st_size, status.st_mtime_ns))
    return _overlap(config, base, tuple(marks))


@lru_cache(maxsize=1)
def _overlap(config: DecontaminateConfig, base: Path, marks: tuple[tuple[int, int], ...]) -> Overlap:
    found = Overlap([entry.texts(base) for entry in config.against], config.words, config.shortest)
    if found.empty:
        entries = [config.against[number] for number in found.empty]
        names = ", ".join(entry.name or entry.path for entry in entries)
        raise UserError(
            f"{names:.200}: no text of {config.shortest} words or more to look for; lower shortest, check format and "
            "fields, or leave them out"
        )
    return found
