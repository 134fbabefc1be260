"""Many words to their ids at once: an exact hash table over the bytes of words, in arrays.

A `dict` needs a string for each word of a text; that alone takes longer than all of this. A word of up to 15 bytes is
two numbers, its bytes and its length, and so compares at once; longer ones are rare and lie in a `dict`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8, UInt64

UNKNOWN, DEPENDENT = -1, 0
"""In place of a number: the word is not in the table; it is, as one that has no ids of its own."""
PADDING = bytes(16)
"""Must follow the last word of a text, so that whole numbers can be read there."""
_INLINE = 15
_LOW = np.array([(1 << 8 * size) - 1 for size in range(9)], dtype=np.uint64)
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))

Numbers = Int64[np.ndarray, " words"]


@dataclass(frozen=True)
class Runs:
    """The ids of words one after another, how many each has, and which words have ids of their own."""

    ids: Int32[np.ndarray, " tokens"]
    counts: Numbers
    known: Bool[np.ndarray, " words"]

    @classmethod
    def of(cls, runs: Sequence[Sequence[int] | None]) -> "Runs":
        """From lists, None for a word that has no ids of its own."""
        ids = np.array([index for run in runs for index in run or ()], np.int32)
        counts = np.array([len(run or ()) for run in runs], np.int64)
        return cls(ids, counts, np.array([run is not None for run in runs], np.bool_))

    def only_known(self) -> "Runs":
        """Without the words that have no ids."""
        return Runs(self.ids, self.counts[self.known], self.known[self.known])


class WordTable:
    """At most `max_words`, each with the run of ids that it stands for. None is ever forgotten.

    A reader needs no lock: a word can be found only when everything about it is in place. Writers need one.
    """

    def __init__(self, max_words: int) -> None:
        bits = (2 * max_words - 1).bit_length()
        self._shift = np.uint64(64 - bits)
        self._low = np.zeros(1 << bits, np.uint64)
        self._high = np.zeros(1 << bits, np.uint64)
        self._numbers = np.full(1 << bits, UNKNOWN, np.int64)
        self._long: dict[bytes, int] = {}
        self._starts = np.zeros(max_words + 1, np.int64)
        self._counts = np.zeros(max_words + 1, np.int64)
        self._ids = np.zeros(4 * max_words, np.int32)
        self._size = 0
        self._num_ids = 0
        self.max_words = max_words
        self.numbering = object()
        """The same one in tables that give the same numbers to the words of both."""

    def __len__(self) -> int:
        return self._size

    def find(self, text: UInt8[np.ndarray, " bytes"], starts: Numbers, lengths: Numbers) -> Numbers:
        """The number of each word of a text, `UNKNOWN` for those that are not here."""
        low, high = _keys(text, starts, lengths)
        numbers = self._find_inline(low, high)
        for index in np.flatnonzero(lengths > _INLINE).tolist():
            start = int(starts[index])
            numbers[index] = self._long.get(text[start : start + int(lengths[index])].tobytes(), UNKNOWN)
        return numbers

    def gather(self, numbers: Numbers) -> tuple[Int32[np.ndarray, " tokens"], Int64[np.ndarray, " words"]]:
        """The ids of words one after another, and where those of each word end."""
        counts = self._counts[numbers]
        ends = np.cumsum(counts)
        shifts = self._starts[numbers] - (ends - counts)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(shifts, counts)
        return self._ids[places], ends

    def add(self, words: Sequence[bytes], runs: Runs) -> None:
        """Different words with their ids. A word that is here stays."""
        first, last = self._size + 1, self._size + 1 + len(words)
        assert last <= self.max_words + 1, f"{last - 1} words in a table of {self.max_words}"
        self._append_ids(first, runs)
        numbers = np.where(runs.known, np.arange(first, last), DEPENDENT)
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        text = np.frombuffer(b"".join(words) + PADDING, np.uint8)
        low, high = _keys(text, np.cumsum(lengths) - lengths, lengths)
        new = (lengths <= _INLINE) & (self._find_inline(low, high) == UNKNOWN)
        self._insert(low[new], high[new], numbers[new])
        long = lengths > _INLINE
        self._long.update(zip(compress(words, long), numbers[long].tolist(), strict=True))
        self._size = last - 1

    def enlarged(self, max_words: int) -> "WordTable":
        """A table with these words and room for more."""
        table = WordTable(max_words)
        table.numbering = self.numbering
        used = np.flatnonzero(self._numbers != UNKNOWN)
        table._insert(self._low[used], self._high[used], self._numbers[used])
        table._long = dict(self._long)
        table._starts[: self._size + 1] = self._starts[: self._size + 1]
        table._counts[: self._size + 1] = self._counts[: self._size + 1]
        table._ids = np.concatenate([self._ids[: self._num_ids], table._ids[self._num_ids :]])
        table._size, table._num_ids = self._size, self._num_ids
        return table

    def _append_ids(self, first: int, runs: Runs) -> None:
        new, counts = runs.ids, runs.counts
        end = self._num_ids + len(new)
        if end > len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros(max(end, len(self._ids)), np.int32)])
        self._ids[self._num_ids : end] = new
        self._counts[first : first + len(counts)] = counts
        self._starts[first : first + len(counts)] = self._num_ids + np.cumsum(counts) - counts
        self._num_ids = end

    def _slots(self, low: UInt64[np.ndarray, " words"], high: UInt64[np.ndarray, " words"]) -> Numbers:
        mixed = (low * _MIX[0] ^ high * _MIX[1]) * _MIX[0]
        return (mixed >> self._shift).astype(np.int64)

    def _find_inline(self, low: UInt64[np.ndarray, " words"], high: UInt64[np.ndarray, " words"]) -> Numbers:
        slots = self._slots(low, high)
        same = (self._low[slots] == low) & (self._high[slots] == high)
        numbers = np.where(same, self._numbers[slots], UNKNOWN)
        left = np.flatnonzero(~same)
        while len(left := left[self._numbers[slots[left]] != UNKNOWN]):  # taken by another word: try the next slot
            slots[left] = (slots[left] + 1) & (len(self._numbers) - 1)
            at = slots[left]
            same = (self._low[at] == low[left]) & (self._high[at] == high[left])
            numbers[left[same]] = self._numbers[at[same]]
            left = left[~same]
        return numbers

    def _insert(
        self, low: UInt64[np.ndarray, " words"], high: UInt64[np.ndarray, " words"], numbers: Numbers
    ) -> None:
        slots = self._slots(low, high)
        left = np.arange(len(slots))
        while len(left):
            free = left[self._numbers[slots[left]] == UNKNOWN]
            self._low[slots[free]], self._high[slots[free]] = low[free], high[free]  # of two in a slot the last stays
            at = slots[left]
            there = (self._low[at] == low[left]) & (self._high[at] == high[left])
            self._numbers[at[there]] = numbers[left[there]]
            left = left[~there]
            slots[left] = (slots[left] + 1) & (len(self._numbers) - 1)


def _keys(
    text: UInt8[np.ndarray, " bytes"], starts: Numbers, lengths: Numbers
) -> tuple[UInt64[np.ndarray, " words"], UInt64[np.ndarray, " words"]]:
    """The first 8 bytes of words; the next 7 and the length. Of a longer word, a key that no word has."""
    window = np.ndarray((len(text) - 7,), "<u8", text, strides=(1,))
    low = window[starts] & _LOW[np.minimum(lengths, 8)]
    high = window[starts + 8] & _LOW[np.clip(lengths - 8, 0, 7)]
    return low, high | (np.minimum(lengths, _INLINE + 1) + 1).astype(np.uint64) << np.uint64(56)
