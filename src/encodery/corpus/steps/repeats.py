"""What documents repeat: lines, and runs of words. Many documents at a time; runs are compared as they are, not by
hash.

A run of n words that is repeated begins with one of n - 1 that is. So of each length only runs are looked at whose
beginnings were repeated, and these soon are few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from encodery.corpus.steps.words import split_words


def repeated(lines: Sequence[str]) -> tuple[int, int]:
    """How many lines the document already had, and how many characters these are."""
    distinct = set(lines)
    if len(distinct) == len(lines):
        return 0, 0
    return len(lines) - len(distinct), sum(map(len, lines)) - sum(map(len, distinct))


@dataclass(frozen=True)
class Runs:
    """Runs of words that a document has twice or more, in the order of these runs, then of their places."""

    size: int
    places: Int64[np.ndarray, " runs"]
    """The number of the first word."""
    groups: Int64[np.ndarray, " runs"]
    """The same number for the same run of the same document."""
    firsts: Bool[np.ndarray, " runs"]
    """Whether its document has not had it before."""


class Documents:
    """The words of documents, as `str.split()` finds them.

    Runs are told apart by 64-bit keys that cannot overflow: Arrow takes 2 GiB of text at most, so that there are
    fewer than 2^30 words and 2^29 repeated runs, and their product is below 2^63; `pairs` sees whether its own is.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        words = split_words(texts)
        self._words = words.numbers
        self._num_distinct = int(self._words.max(initial=0)) + 1
        self._characters = np.concatenate([[0], np.cumsum(words.lengths)])
        self._starts = words.starts
        self._document = np.repeat(np.arange(len(texts)), np.diff(self._starts))
        self._place_bits = len(self._words).bit_length()

    def pairs(self) -> Runs:
        """Runs of two words that are repeated."""
        places = np.arange(len(self._words))
        if len(self._starts) * self._num_distinct**2 < 1 << (63 - self._place_bits):
            return self._grouped(2, places, self._document * self._num_distinct + self._words)
        return self.longer(self._grouped(1, places, self._document))

    def longer(self, runs: Runs) -> Runs:
        """Of runs that are repeated those that still are with the word behind them."""
        return self._grouped(runs.size + 1, runs.places, runs.groups)

    def within(self, runs: Runs, documents: Bool[np.ndarray, " documents"]) -> Runs:
        """The runs of some documents."""
        kept = documents[self._document[runs.places]]
        return Runs(runs.size, runs.places[kept], runs.groups[kept], runs.firsts[kept])

    def most_frequent(self, runs: Runs) -> Int64[np.ndarray, " documents"]:
        """Of each document the characters, spaces included, in its most frequent run, the first of several: its
        length times how often it occurs. `runs` are of all documents."""
        size, last = runs.size, len(self._words) + 1
        most = np.zeros(len(self._starts) - 1, np.int64)
        whole = np.diff(self._starts) >= size
        most[whole] = last + last - 1 - self._starts[:-1][whole]  # of runs that occur once the first
        first = runs.places[runs.firsts]
        counts = np.diff(np.flatnonzero(runs.firsts), append=len(runs.places))
        np.maximum.at(most, self._document[first], counts * last + last - 1 - first)
        counts, place = np.divmod(most, last)
        place = (last - 1 - place) * whole
        return np.asarray(counts * (self._length(place, size * whole) + size - 1) * whole)

    def covered(self, runs: Runs) -> Int64[np.ndarray, " documents"]:
        """Of each document the characters, without spaces, of words within any run that it already had: at least as
        many as `repeated` finds, there and in all longer runs."""
        again, count = runs.places[~runs.firsts], len(self._words) + 1
        open_runs = np.bincount(again, minlength=count) - np.bincount(again + runs.size, minlength=count)
        lengths = np.diff(self._characters) * (np.cumsum(open_runs)[:-1] > 0)
        return np.bincount(self._document, lengths, len(self._starts) - 1).astype(np.int64)

    def repeated(self, runs: Runs) -> Int64[np.ndarray, " documents"]:
        """Of each document the characters, without spaces, in runs that it already had; what such a run covers is not
        looked at again (datatrove's `find_all_duplicate`)."""
        order = np.argsort(runs.places)
        found = np.zeros(len(self._starts) - 1, np.int64)
        seen: set[int] = set()
        behind = 0
        for place, group in zip(runs.places[order].tolist(), runs.groups[order].tolist(), strict=True):
            if place < behind:
                continue
            if group in seen:
                behind = place + runs.size
                found[self._document[place]] += self._characters[behind] - self._characters[place]
            else:
                seen.add(group)
        return found

    def _grouped(self, size: int, places: Int64[np.ndarray, " n"], groups: Int64[np.ndarray, " n"]) -> Runs:
        """Runs that begin alike, by their last word; those that stand alone left out."""
        whole = places + size <= self._starts[self._document[places] + 1]
        places = places[whole]
        keys, places = self._sorted(groups[whole] * self._num_distinct + self._words[places + size - 1], places)
        new = np.ones(len(keys), bool)
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        counts = np.diff(np.flatnonzero(new), append=len(keys))
        kept = np.repeat(counts > 1, counts)
        return Runs(size, places[kept], np.cumsum(new[kept]) - 1, new[kept])

    def _sorted(
        self, keys: Int64[np.ndarray, " n"], places: Int64[np.ndarray, " n"]
    ) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
        """By key, then by place: as one number if both fit, since numbers are sorted faster than their order is."""
        bits = self._place_bits
        if int(keys.max(initial=0)) >> (63 - bits):
            order = np.lexsort((places, keys))
            return keys[order], places[order]
        both = np.sort(keys << bits | places)
        return both >> bits, both & ((1 << bits) - 1)

    def _length(self, place: Int64[np.ndarray, " n"], size: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        return np.asarray(self._characters[place + size] - self._characters[place])
