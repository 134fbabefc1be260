"""What checks must know of all records before they can judge one: made in a first pass, a few bytes a record."""

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Int32, Int64

from encodery.data.formats.tags import TagScheme
from encodery.data.validation.columns import Columns
from encodery.data.validation.rows import Kind, Row, label_key, text_key
from encodery.data.validation.schemes import SchemeCounts

TRAIN = "train"


@dataclass(frozen=True)
class Length:
    """How long a text (or pair) is for the model, and what happens beyond `max_seqlen` tokens."""

    length_of: Callable[[str, str | None], int]
    """Tokens, special ones included."""
    max_seqlen: int
    on_overflow: Literal["window", "truncate", "error"] = "window"
    """What becomes of longer texts: overlapping windows, a cut, an error."""


@dataclass(frozen=True)
class Pairs:
    """What is known of a text and its translation."""

    complete: bool = False
    """A language that no record says is said nowhere: the recipe has been read."""
    directions: tuple[tuple[str, str], ...] = ()
    """From which language to which is learned, beside what train has."""
    languages: tuple[str, ...] | None = None
    """Those that the model has vectors for; None if it has none, or is not known."""
    max_length_ratio: float = 9.0
    """One side may have so many times the characters of the other one: as in `corpus.clean_parallel`."""


@dataclass(frozen=True)
class Options:
    """What is known of the data before it is read."""

    kind: Kind | None = None
    """The task; what most records look like, if not given."""
    columns: Columns = field(default_factory=Columns)
    labels: tuple[str, ...] | None = None
    """All labels that may occur; those of train, if not given."""
    labels_by: str = "task.labels"
    """What says so."""
    numbers: bool = False
    """Labels are quantities and no names of classes."""
    length: Length | None = None
    min_examples: int = 5
    """A label with fewer records in train is hardly learned."""
    max_imbalance: float = 20.0
    """The most frequent label may be so many times as frequent as another one."""
    pairs: Pairs = field(default_factory=Pairs)


@dataclass
class LabelCount:
    """How often a label occurs in a part (once a record), and where first."""

    records: int
    first: int


@dataclass(frozen=True)
class Earlier:
    """The first record with a text: where, in which split, and the hash of its label."""

    source: str
    split: str
    part: str
    label: int
    shown: str


@dataclass
class Survey:
    """Indexes over all splits. Texts are kept as hashes of 64 bits: 36 bytes a record, twice that between the passes.

    A million records hold two with the same hash by chance once in thirty million data sets.
    """

    kind: Kind
    options: Options = field(default_factory=Options)
    sizes: Counter[str] = field(default_factory=Counter)
    """Records of each split."""
    parts: Counter[str] = field(default_factory=Counter)
    """The same of train, dev and test, each of one split or several."""
    labels: dict[str, dict[str, LabelCount]] = field(default_factory=dict)
    """Part → label → how often."""
    directions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Pairs of languages in train, and of how many records."""
    names_languages: bool = False
    """Whether any pair says a language of its own."""
    tags: SchemeCounts = field(default_factory=SchemeCounts)
    earlier: dict[int, Earlier] = field(default_factory=dict)
    """Those first records with a text that have later ones, once the second pass has seen them."""

    def __post_init__(self) -> None:
        self._texts, self._normal, self._ids = array("q"), array("q"), array("q")
        self._fractions = self._whole = self._words = 0
        self._first_text = self._first_normal = self._first_id = np.empty(0, np.int32)
        self._wanted: set[int] = set()

    def add(self, row: Row) -> None:
        """The first pass, row by row."""
        self.sizes[row.split] += 1
        self.parts[row.part] += 1
        counts = self.labels.setdefault(row.part, {})
        for label in set(row.labels):
            counts.setdefault(label, LabelCount(0, row.number)).records += 1
        self._count_number(row)
        self.tags.add(row.tags or ())
        self._add_languages(row)
        key = text_key(row)
        self._texts.append(hash((row.direction, key)))
        self._normal.append(hash((row.direction, tuple(map(normalise, key)))))
        identifier = row.record.get("id")
        self._ids.append(hash((row.split, identifier)) if _is_id(identifier) else hash((row.number,)))

    def finish(self) -> None:
        """Between the passes: which record is the first with its text?"""
        self._first_text = _first_of(self._texts)
        self._first_normal = _first_of(self._normal)
        self._first_id = _first_of(self._ids)
        places = np.arange(len(self._first_text), dtype=np.int32)
        for first in (self._first_text, self._first_normal, self._first_id):
            self._wanted |= set(first[first != places].tolist())
        self._texts = self._normal = self._ids = array("q")

    def remember(self, row: Row) -> None:
        """The second pass, before the row is checked."""
        if row.number in self._wanted:
            shown = repr(row.record.get("label")) if row.kind == "text-classification" else ""
            self.earlier[row.number] = Earlier(str(row.source), row.split, row.part, hash(label_key(row)), shown)

    def same_text(self, row: Row) -> Earlier | None:
        """An earlier record with exactly this text."""
        return self._earlier(self._first_text, row)

    def similar_text(self, row: Row) -> Earlier | None:
        """An earlier record whose text differs in case, white space or Unicode form; None where one is equal."""
        return None if self.same_text(row) else self._earlier(self._first_normal, row)

    def same_id(self, row: Row) -> Earlier | None:
        """An earlier record of the split with this id."""
        return self._earlier(self._first_id, row)

    def _earlier(self, first: Int32[np.ndarray, " records"], row: Row) -> Earlier | None:
        index = int(first[row.number])
        return None if index == row.number else self.earlier.get(index)

    @property
    def num_records(self) -> int:
        """Of all splits."""
        return self.sizes.total()

    @property
    def has_train(self) -> bool:
        """Without training records nothing can be said against them."""
        return bool(self.parts[TRAIN])

    @property
    def known_directions(self) -> list[tuple[str, str]]:
        """From which language to which the model will translate."""
        return [*dict.fromkeys((*self.directions, *self.options.pairs.directions))]

    @property
    def classes(self) -> bool:
        """Whether labels are names (and not quantities)."""
        return not (self.options.numbers or (self._fractions and not self._words))

    @property
    def known_labels(self) -> Mapping[str, object]:
        """Those that may occur: as the options have it, else those of train."""
        return dict.fromkeys(self.options.labels) if self.options.labels else self.labels.get(TRAIN, {})

    @property
    def scheme(self) -> TagScheme:
        """That of the tags."""
        return self.tags.scheme

    def count(self, part: str, label: str) -> int:
        """Records of a part with a label."""
        found = self.labels.get(part, {}).get(label)
        return found.records if found else 0

    def usual_spelling(self, label: str) -> str:
        """The label itself, or the more frequent one that differs in case, spaces, hyphens and underscores alone."""
        return self._spellings().get(spelling_key(label), label)

    def _spellings(self) -> Mapping[str, str]:
        """Key → the spelling with the most records, those of train before others."""
        if not hasattr(self, "_spelling_table"):
            order: Counter[str] = Counter()
            for part, counts in self.labels.items():
                for label, count in counts.items():
                    order[label] += count.records * (self.num_records if part == TRAIN else 1)
            self._spelling_table: dict[str, str] = {}
            for label, _ in order.most_common():
                self._spelling_table.setdefault(spelling_key(label), label)
        return self._spelling_table

    def _add_languages(self, row: Row) -> None:
        source, target = row.languages
        self.names_languages |= bool(source or target)
        if row.part == TRAIN and source and target and source != target:
            self.directions[source, target] += 1

    def _count_number(self, row: Row) -> None:
        label = row.record.get("label")
        if isinstance(label, float):
            self._fractions += 1
        elif isinstance(label, str) and label:
            number = _NUMBER.fullmatch(label)
            self._fractions += bool(number and number[1])
            self._words += number is None


_SEPARATORS = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d+)?\s*", re.ASCII)


def normalise(text: str) -> str:
    """Without differences of case, white space and Unicode form."""
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def spelling_key(label: str) -> str:
    """What two spellings of one label have in common; the sign of `-1` is no mere spelling."""
    return _SEPARATORS.sub("_", normalise(label))


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and value != ""


def _first_of(keys: Iterable[int]) -> Int32[np.ndarray, " records"]:
    """For each record the first one with its key."""
    hashes: Int64[np.ndarray, " records"] = np.asarray(keys, dtype=np.int64)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    begins = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])) if len(hashes) else order
    first = np.empty(len(hashes), np.int32)
    first[order] = np.repeat(order[begins], np.diff(np.append(begins, len(hashes))))
    return first
