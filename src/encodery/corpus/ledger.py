"""What became of every document: counts by step and reason, a few of what was lost for reading, spreads of scores.

Ledgers of processes are added up to that of the run; the sum does not depend on who counted what. What a step calls:

- `drop(page, reason)`: the whole document is taken out;
- `cut(page, reason, paragraphs)`: some of its paragraphs are;
- `change(page, reason, times, text)`: something in it was replaced (personal data, broken characters);
- `observe(name, value, page, thresholds)`: a score or a length was measured, before it is judged by them;
- `damaged(place, what)`: a place in a file that could not be read.

A call costs about a microsecond, or the length of what is lost. The engine calls `passed` behind each step.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from encodery.corpus.spread import Sample, Spread, bin_of
from encodery.files.streams import suffix_of

if TYPE_CHECKING:
    from encodery.corpus.page import Page

LEDGER = "ledger.json"
"""The file that holds one."""
SAMPLES = 5
"""Of each reason so many documents or paragraphs are kept for reading: those of the smallest hash."""
SAMPLE_CHARACTERS = 500
AROUND = 150
"""Characters on either side of a place in a text that is shown."""
SKIPPED = "not read"
"""What the report calls files of unknown suffixes."""
DAMAGE = 1000
"""So many damaged places are listed, the first by name; all are counted."""


@dataclass
class Ledger:
    """Sums only. `counts["quality/short", "documents"]` is how many documents the step `quality` dropped as short.

    Characters are those of paragraphs, without the breaks between them: what goes into a step is what comes out and
    what was dropped and cut, but for steps that change text.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    samples: dict[str, list[tuple[int, Sample]]] = field(default_factory=dict)
    """By reason: (hash, what was lost), at most `SAMPLES` of the smallest hashes."""
    spreads: dict[str, Spread] = field(default_factory=dict)
    """By the name of a measure."""
    damage: list[tuple[str, str]] = field(default_factory=list)
    """Places that could not be read, `file!offset`, and what is wrong there."""
    steps: list[str] = field(default_factory=list)
    """The steps in the order in which they were passed."""

    def drop(self, page: "Page", reason: str, shown: str = "") -> None:
        """Take a whole document out; `reason` is `step/why`. Its text as it is now is what is lost; `shown`, where
        given, is kept for reading in its place."""
        page.dropped = reason
        breaks = page.text.count("\n")
        self.counts[reason, "documents"] += 1
        self.counts[reason, "paragraphs"] += breaks + bool(page.text)
        self.counts[reason, "characters"] += len(page.text) - breaks
        self._sample(reason, page, shown or page.text)

    def cut(self, page: "Page", reason: str, paragraphs: Sequence[str], shown: str = "") -> None:
        """Paragraphs of a document were taken out; its caller gives the page its new text. `shown`, where given, is
        kept for reading in place of their beginning."""
        if not paragraphs:
            return
        self.counts[reason, "paragraphs"] += len(paragraphs)
        self.counts[reason, "characters"] += sum(map(len, paragraphs))
        self._sample(reason, page, shown or "\n".join(paragraphs))

    def change(self, page: "Page", reason: str, times: int, text: str = "") -> None:
        """Something was replaced so often in a page that stays; `text`, where given, is shown as a sample of it."""
        self.counts[reason, "changes"] += times
        self.counts[reason, "changed documents"] += 1
        if text:
            self._sample(reason, page, text)

    def observe(
        self,
        name: str,
        value: float | int,
        page: "Page",
        thresholds: Sequence[float | int] = (),
        text: str = "",
    ) -> None:
        """Put a value into the histogram `name` (`step/measure`, or `step/measure/language` for one per language).

        `thresholds` are the values at which something is decided about it: values are counted below each, and from it
        on, and the pages nearest to it on both sides are kept for reading. `text` is what was measured, if that is a
        paragraph and not the page.
        """
        spread = self.spreads.get(name)
        if spread is None:
            spread = self.spreads[name] = Spread()
        if not math.isfinite(value):
            spread.other += 1
            return
        spread.bins[bin_of(value)] += 1
        for threshold in thresholds:
            side = spread.sides(float(threshold))[value >= threshold]
            side.see(
                float(abs(value - threshold)),
                lambda: _hash(name, page, text or page.text),
                lambda: _sample(page, text or page.text) | {"value": float(value)},
            )

    def damaged(self, place: str, what: str) -> None:
        """A place that could not be read, `file!offset`, and what is wrong there."""
        self.counts["damage", "places"] += 1
        if len(self.damage) == DAMAGE and (place, what) >= self.damage[-1]:
            return
        self.damage = sorted({*self.damage, (place, what)})[:DAMAGE]

    def passed_over(self, name: str) -> None:
        """A file of a folder or an archive that is of no format to read; it is counted by its suffix."""
        self.counts[f"{SKIPPED}/{suffix_of(name)}", "files"] += 1

    def passed(self, step: str, pages: Iterable["Page"]) -> None:
        """What is left behind a step: documents, paragraphs and characters by language (`left/step/language`)."""
        if step not in self.steps:
            self.steps.append(step)
        found: dict[str, list[int]] = {}
        for page in pages:
            if not page.dropped:
                breaks = page.text.count("\n")
                sums = found.setdefault(page.language, [0, 0, 0])
                sums[0] += 1
                sums[1] += breaks + bool(page.text)
                sums[2] += len(page.text) - breaks
        for language, sums in found.items():
            for unit, number in zip(("documents", "paragraphs", "characters"), sums, strict=True):
                self.counts[f"left/{step}/{language}", unit] += number

    def add(self, other: "Ledger") -> None:
        """Take over what another ledger counted. Steps keep their order: add the ledgers of earlier phases first."""
        self.counts.update(other.counts)
        self.damage = sorted({*self.damage, *other.damage})[:DAMAGE]
        self.steps += [step for step in other.steps if step not in self.steps]
        for reason, found in other.samples.items():
            kept = [*self.samples.get(reason, []), *found]
            self.samples[reason] = heapq.nsmallest(SAMPLES, kept, key=lambda item: item[0])
        for name, spread in other.spreads.items():
            self.spreads.setdefault(name, Spread()).add(spread)

    def _sample(self, reason: str, page: "Page", text: str) -> None:
        key = _hash(reason, page, text)
        kept = self.samples.setdefault(reason, [])
        if len(kept) == SAMPLES and key >= kept[-1][0]:
            return
        kept.append((key, _sample(page, text)))
        kept.sort(key=lambda item: item[0])
        del kept[SAMPLES:]

    def to_json(self) -> dict[str, Any]:
        """As JSON has it; `from_json` reads it back."""
        counts: dict[str, dict[str, int]] = {}
        for (reason, unit), number in sorted(self.counts.items()):
            counts.setdefault(reason, {})[unit] = number
        return {
            "steps": self.steps,
            "counts": counts,
            "samples": dict(sorted(self.samples.items())),
            "spreads": {name: spread.to_json() for name, spread in sorted(self.spreads.items())},
            "damage": self.damage,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Ledger":
        """What `to_json` wrote."""
        counts = {(reason, unit): n for reason, units in values["counts"].items() for unit, n in units.items()}
        samples = {reason: [(key, what) for key, what in found] for reason, found in values["samples"].items()}
        spreads = {name: Spread.from_json(spread) for name, spread in values["spreads"].items()}
        damage = [(place, what) for place, what in values["damage"]]
        return cls(Counter(counts), samples, spreads, damage, list(values["steps"]))


def around(text: str, first: int, last: int) -> str:
    """A sample of a text that shows the place from `first` to `last`, wherever it is."""
    return text[max(0, first - AROUND) : last + AROUND]


def _hash(name: str, page: "Page", text: str) -> int:
    """The same wherever it is asked; a long text counts by its start."""
    import xxhash  # only where pages are cleaned: text is read without it

    key = f"{name}\0{page.source}\0{text[:SAMPLE_CHARACTERS]}"
    return xxhash.xxh3_64_intdigest(key.encode("utf-8", "surrogatepass"))


def _sample(page: "Page", text: str) -> Sample:
    return {"source": page.source, "url": page.url, "language": page.language, "text": text[:SAMPLE_CHARACTERS]}
