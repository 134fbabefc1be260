"""What the report and the card of a corpus are made from: its ledger, and what went in and came out.

The stage `corpus` calls `write_corpus_report(ledger, facts, into)` of `stages/corpus_page.py` last: it writes
`report.html` and `card.md` beside `ledger.json`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from encodery.artifact import FileRecord
from encodery.corpus.ledger import Ledger

UNITS = ("documents", "paragraphs", "characters")
LEFT = "left"


@dataclass(frozen=True)
class Source:
    """One entry of `corpus.inputs`."""

    path: str
    """As the recipe has it."""
    files: int
    size: int
    """Bytes of all its files, as they are stored."""
    fingerprint: str
    """Of the files: equal where they are."""
    license: str = ""
    """As the recipe gives it."""
    language: str = ""


@dataclass(frozen=True)
class CorpusFacts:
    """What is known of a corpus beside its ledger."""

    name: str
    sources: Sequence[Source]
    settings: Mapping[str, Mapping[str, Any]]
    """Of each step, in order."""
    files: Mapping[str, FileRecord]
    """What came out, by its path in the artifact."""
    versions: Mapping[str, str] = field(default_factory=dict)
    read_beside: Sequence[tuple[str, Source]] = ()
    """What steps read beside the inputs, good text and test sets, each with what it was read for."""

    @property
    def size(self) -> int:
        """Bytes of all inputs."""
        return sum(source.size for source in self.sources)


@dataclass(frozen=True)
class Reason:
    """What was lost or changed for one reason."""

    name: str
    units: Mapping[str, int]

    @property
    def step(self) -> str:
        """The step that gave it."""
        return self.name.partition("/")[0]


def left_behind(ledger: Ledger, step: str) -> dict[str, Counter[str]]:
    """By language, how much is left behind a step, largest first."""
    found: dict[str, Counter[str]] = {}
    for (name, unit), number in ledger.counts.items():
        kind, _, rest = name.partition("/")
        at, _, language = rest.partition("/")
        if kind == LEFT and at == step:
            found.setdefault(language, Counter())[unit] = number
    return dict(sorted(found.items(), key=lambda item: (-item[1]["characters"], item[0])))


def total(languages: Mapping[str, Counter[str]]) -> Counter[str]:
    """All languages together."""
    return sum(languages.values(), Counter())


def kept(ledger: Ledger) -> dict[str, Counter[str]]:
    """By language, what the corpus holds: what is left behind the last step."""
    return left_behind(ledger, ledger.steps[-1]) if ledger.steps else {}


def reasons(ledger: Ledger) -> list[Reason]:
    """Every reason, in the order of the steps, within a step what loses most first."""
    units: dict[str, Counter[str]] = {}
    for (name, unit), number in ledger.counts.items():
        if not name.startswith(f"{LEFT}/") and "/" in name:
            units.setdefault(name, Counter())[unit] = number
    found = [Reason(name, counts) for name, counts in units.items()]
    order = {step: number for number, step in enumerate(ledger.steps)}
    last = len(order)
    return sorted(found, key=lambda r: (order.get(r.step, last), r.step, -r.units["characters"], r.name))
