"""What documents repeat: lines, and runs of words. Many documents at a time; runs are compared as they are, not by
hash.

A run of n words that is repeated begins with one of n - 1 that is. So of each length only runs are looked at whose
beginnings were repeated, and these soon are few.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count

import numpy as np
from jaxtyping import Bool, Int64, UInt64


def repeated(lines: Sequence[str]) -> tuple[int, int]:
    """How many lines the document already had, and how many characters these are."""
    distinct = set(lines)
    if len(distinct) == len(lines):
        return 0, 0
    return len(lines) - len(distinct), sum(map(len, lines)) - sum(map(len, distinct))


@dataclass(frozen=True)
class Runs:
    """The runs of n words that some document has twice or more, in the order of these runs, then of their places."""

    size: int
    places: Int64[np.ndarray, " runs"]
    """The number of the first word."""
    groups: Int64[np.ndarray, " runs"]
    """The same number for the same run; 0, 1, ..."""
    firsts: Bool[np.ndarray, " runs"]
    """Whether its document has not had it before."""


class Documents:
    """The words of documents."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        numbers = defaultdict[str, int](count().__next__)
        words = list(chain.from_iterable(documents))
        self._words = np.fromiter(map(numbers.__getitem__, words), np.int64, len(words))
        self._characters = np.concatenate([[0], np.cumsum(np.fromiter(map(len, words), np.int64, len(words)))])
        counts = [len(document) for document in documents]
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self._document = np.repeat(np.arange(len(documents)), counts)

    def runs(self, largest: int) -> Iterator[Runs]:
        """Runs of one word, two, ... that are repeated."""
        places, groups = np.arange(len(self._words)), self._document
        for size in range(1, largest + 1):
            whole = places + size <= self._starts[self._document[places] + 1]
            runs = self._grouped(size, places[whole], groups[whole])
            yield runs
            places, groups = runs.places, runs.groups

    def _grouped(self, size: int, places: Int64[np.ndarray, " n"], groups: Int64[np.ndarray, " n"]) -> Runs:
        """Runs that begin alike, by their last word."""
        bits = np.uint64(max(len(self._words), 2).bit_length())
        key = groups.astype(np.uint64) << bits | self._words[places + size - 1].astype(np.uint64)
        ordered: UInt64[np.ndarray, " n"] = np.sort(key << bits | places.astype(np.uint64))
        key = ordered >> bits
        new = np.ones(len(key), bool)
        np.not_equal(key[1:], key[:-1], out=new[1:])
        several = np.diff(np.flatnonzero(new), append=len(key)) > 1
        kept = np.repeat(several, np.diff(np.flatnonzero(new), append=len(key)))
        places = (ordered[kept] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
        return Runs(size, places, np.cumsum(new[kept]) - 1, new[kept])

    def most_frequent(self, runs: Runs) -> Int64[np.ndarray, " documents"]:
        """Of each document the characters, spaces included, in its most frequent run, the first of several: its
        length times how often it occurs."""
        size, last = runs.size, len(self._words) + 1
        most = np.zeros(len(self._starts) - 1, np.int64)
        whole = np.diff(self._starts) >= size
        most[whole] = last + last - 1 - self._starts[:-1][whole]  # of runs that occur once the first
        first = runs.places[runs.firsts]
        counts = np.bincount(runs.groups, minlength=len(first))
        np.maximum.at(most, self._document[first], counts * last + last - 1 - first)
        counts, place = np.divmod(most, last)
        place = (last - 1 - place) * whole
        return counts * (self._length(place, size * whole) + size - 1) * whole

    def repeated(self, runs: Runs, limits: Sequence[float]) -> Int64[np.ndarray, " documents"]:
        """Of each document the characters, without spaces, in runs that it already had; what such a run covers is not
        looked at again (datatrove's `find_all_duplicate`). Where they cannot be more than the limit they may be less
        than they are: all words that any such run covers are counted first."""
        size, again = runs.size, runs.places[~runs.firsts]
        covered = np.zeros(len(self._words) + 1, np.int64)
        np.add.at(covered, again, 1)
        np.add.at(covered, again + size, -1)
        lengths = np.diff(self._characters) * (np.cumsum(covered)[:-1] > 0)
        at_most = np.bincount(self._document, lengths, len(self._starts) - 1).astype(np.int64)
        doubtful = at_most > np.asarray(limits)
        here = doubtful[self._document[runs.places]]
        order = np.argsort(runs.places[here])
        found = np.zeros_like(at_most)
        seen: set[int] = set()
        behind = 0
        for place, group in zip(runs.places[here][order].tolist(), runs.groups[here][order].tolist(), strict=True):
            if place < behind:
                continue
            if group in seen:
                found[self._document[place]] += self._characters[place + size] - self._characters[place]
                behind = place + size
            else:
                seen.add(group)
        return np.where(doubtful, found, 0)

    def _length(self, place: Int64[np.ndarray, " n"], size: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        return self._characters[place + size] - self._characters[place]
