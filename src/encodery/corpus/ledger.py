"""What became of every document: counts by step and reason, a few of what was lost for reading, spreads of scores.

Ledgers of processes are added up to that of the run; the sum does not depend on who counted what.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import xxhash

if TYPE_CHECKING:
    from encodery.corpus.page import Page

SAMPLES = 5
"""Of each reason so many documents or paragraphs are kept for reading: those of the smallest hash."""
SAMPLE_CHARACTERS = 500


@dataclass
class Ledger:
    """Sums only. `counts["quality/short", "documents"]` is how many documents the step `quality` dropped as short."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    """By reason: (hash, what was lost), at most `SAMPLES` of the smallest hashes."""
    damage: list[tuple[str, str]] = field(default_factory=list)
    """Places that could not be read, `file!offset`, and what is wrong there."""

    def drop(self, page: "Page", reason: str) -> None:
        """Take a whole document out; `reason` is `step/why`."""
        page.dropped = reason
        self._count(reason, page, page.paragraphs)
        self.counts[reason, "documents"] += 1

    def cut(self, page: "Page", reason: str, paragraphs: Sequence[str]) -> None:
        """Paragraphs of a document were taken out; its caller gives the page its new text."""
        self._count(reason, page, paragraphs)

    def passed(self, step: str, pages: Iterable["Page"]) -> None:
        """What is left behind a step: documents, paragraphs and characters by language (`left/step/language`)."""
        for page in pages:
            if not page.dropped:
                name = f"left/{step}/{page.language}"
                self.counts[name, "documents"] += 1
                self.counts[name, "paragraphs"] += page.text.count("\n") + 1
                self.counts[name, "characters"] += len(page.text)

    def add(self, other: "Ledger") -> None:
        """Take over what another ledger counted."""
        self.counts.update(other.counts)
        self.damage = sorted({*self.damage, *other.damage})
        for reason, found in other.samples.items():
            self.samples[reason] = heapq.nsmallest(
                SAMPLES, [*self.samples.get(reason, []), *found], key=lambda item: item[0]
            )

    def _count(self, reason: str, page: "Page", paragraphs: Sequence[str]) -> None:
        self.counts[reason, "paragraphs"] += len(paragraphs)
        self.counts[reason, "characters"] += sum(map(len, paragraphs))
        self._sample(reason, page, paragraphs)

    def _sample(self, reason: str, page: "Page", paragraphs: Sequence[str]) -> None:
        key = xxhash.xxh3_64_intdigest(f"{reason}\0{page.source}\0{paragraphs[0] if paragraphs else ''}".encode())
        kept = self.samples.setdefault(reason, [])
        if len(kept) == SAMPLES and key >= kept[-1][0]:
            return
        text = "\n".join(paragraphs)[:SAMPLE_CHARACTERS]
        kept.append((key, {"source": page.source, "url": page.url, "language": page.language, "text": text}))
        kept.sort(key=lambda item: item[0])
        del kept[SAMPLES:]

    def to_json(self) -> dict[str, Any]:
        """As JSON has it; `from_json` reads it back."""
        counts: dict[str, dict[str, int]] = {}
        for (reason, unit), number in sorted(self.counts.items()):
            counts.setdefault(reason, {})[unit] = number
        return {"counts": counts, "samples": self.samples, "damage": self.damage}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Ledger":
        """What `to_json` wrote."""
        counts = {(reason, unit): n for reason, units in values["counts"].items() for unit, n in units.items()}
        samples = {reason: [(key, what) for key, what in found] for reason, found in values["samples"].items()}
        return cls(Counter(counts), samples, [(place, what) for place, what in values["damage"]])
