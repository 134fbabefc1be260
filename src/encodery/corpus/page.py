"""A document on its way from raw files to the corpus, and what a step of the pipeline is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from encodery.corpus.ledger import Ledger


@dataclass(slots=True)
class Page:
    """A text with what is known of it. Steps change it in place."""

    text: str
    """Its paragraphs, one a line; none of them is blank."""
    source: str
    """The file that it came from and the place in it: `pages.warc.gz!1234`, the offset or the line of its record."""
    url: str = ""
    date: str = ""
    """When it was fetched or written, as its source says (ISO 8601 in crawl files)."""
    language: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    """What steps measured: `language` (confidence), `perplexity`, ..."""
    dropped: str = ""
    """Why it is not part of the corpus, `step/reason`; later steps pass over it."""

    @property
    def paragraphs(self) -> list[str]:
        """The lines of its text."""
        return self.text.split("\n") if self.text else []


@runtime_checkable
class Step(Protocol):
    """One thing that is done to all pages. A function of the pages alone: how they are split among processes, and
    into calls, changes nothing."""

    name: str

    def __call__(self, pages: Sequence[Page], ledger: Ledger) -> None:
        """Change the pages that are not dropped; `ledger.drop` and `ledger.cut` say what is lost, and why."""
