"""Many words to their ids at once: an exact hash table over the bytes of words, in arrays.

A `dict` needs a string for each word of a text; that alone takes longer than all of this. A word of up to 15 bytes is
two numbers, its bytes and its length, and so compares at once; longer ones are rare and lie in a `dict`. What belongs
to a word lies at its number. Words that occur often come early, so that most of what is read lies close together.
"""

import numpy as np
from jaxtyping import Int32

from encodery.text.word_arrays import Keys, Numbers, Runs, Words, mix

UNKNOWN = 0
"""In place of a number: the word is not in the table."""
_DEPENDENT = -1
"""In place of a count: the word has no ids of its own."""


class WordTable:
    """At most `max_words`, each with the run of ids that it stands for. None is ever forgotten.

    A reader needs no lock: a word can be found only when everything about it is in place. Writers need one.
    """

    def __init__(self, max_words: int) -> None:
        bits = (2 * max_words - 1).bit_length()
        self._shift = np.uint64(64 - bits)
        self._slots = np.full(1 << bits, UNKNOWN, np.int64)
        self._low = np.zeros(max_words + 1, np.uint64)
        self._high = np.zeros(max_words + 1, np.uint64)
        self._long: dict[bytes, int] = {}
        self._starts = np.zeros(max_words + 1, np.int64)
        self._counts = np.full(max_words + 1, _DEPENDENT, np.int64)
        self._ids = np.zeros(4 * max_words, np.int32)
        self._size = 0
        self._num_ids = 0
        self.max_words = max_words
        self.numbering = object()
        """The same one in tables that give the same numbers to the words of both."""

    def __len__(self) -> int:
        return self._size

    def find(self, words: Words) -> Numbers:
        """The number of each word, `UNKNOWN` for those that are not here."""
        numbers = self._find_inline(words)
        long = words.is_long.nonzero()[0]
        if len(long):
            numbers[long] = [self._long.get(word, UNKNOWN) for word in words.take(long).listed()]
        return numbers

    def gather(self, numbers: Numbers) -> Runs:
        """The ids of words; a number that is `UNKNOWN` has none."""
        counts = self._counts.take(numbers)
        known = counts != _DEPENDENT
        if not known.all():
            counts *= known
        ends = np.cumsum(counts)
        shifts = self._starts.take(numbers) - (ends - counts)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(shifts, counts)
        return Runs(self._ids.take(places), counts, known)

    def add(self, words: Words, runs: Runs) -> None:
        """Different words with their ids. A word that is here stays."""
        first, last = self._size + 1, self._size + 1 + len(words)
        assert last <= self.max_words + 1, f"{last - 1} words in a table of {self.max_words}"
        new = self._find_inline(words) == UNKNOWN
        numbers = np.arange(first, last)
        self._append_ids(runs.ids)
        self._counts[first:last] = np.where(runs.known, runs.counts, _DEPENDENT)
        self._starts[first:last] = self._num_ids - len(runs.ids) + np.cumsum(runs.counts) - runs.counts
        self._low[first:last], self._high[first:last] = words.keys
        self._size = last - 1
        inline = (new & ~words.is_long).nonzero()[0]
        self._insert(numbers[inline], words.mixed[inline])
        long = words.is_long.nonzero()[0]
        self._long.update(zip(words.take(long).listed(), numbers[long].tolist(), strict=True))

    def enlarged(self, max_words: int) -> "WordTable":
        """A table with these words and room for more."""
        table = WordTable(max_words)
        table.numbering = self.numbering
        end = self._size + 1
        for old, new in zip(self._by_number(), table._by_number(), strict=True):
            new[:end] = old[:end]
        table._ids = np.concatenate([self._ids[: self._num_ids], table._ids[self._num_ids :]])
        table._size, table._num_ids = self._size, self._num_ids
        table._long = dict(self._long)
        used = np.sort(self._slots[self._slots != UNKNOWN])
        table._insert(used, mix(self._low[used], self._high[used]))
        return table

    def _by_number(self) -> tuple[Keys, Keys, Numbers, Numbers]:
        return self._low, self._high, self._starts, self._counts

    def _append_ids(self, new: Int32[np.ndarray, " tokens"]) -> None:
        end = self._num_ids + len(new)
        if end > len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros(max(end, len(self._ids)), np.int32)])
        self._ids[self._num_ids : end] = new
        self._num_ids = end

    def _find_inline(self, words: Words) -> Numbers:
        low, high = words.keys
        slots = (words.mixed >> self._shift).view(np.int64)
        numbers = self._slots.take(slots)
        other = (self._low.take(numbers) != low) | (self._high.take(numbers) != high)
        left = (other & (numbers != UNKNOWN)).nonzero()[0]
        while len(left):  # taken by another word: try the next slot
            slots[left] = (slots[left] + 1) & (len(self._slots) - 1)
            numbers[left] = at = self._slots[slots[left]]
            other = (self._low[at] != low[left]) | (self._high[at] != high[left])
            left = left[other & (at != UNKNOWN)]
        return numbers

    def _insert(self, numbers: Numbers, mixed: Keys) -> None:
        slots = (mixed >> self._shift).view(np.int64)
        while len(numbers):
            free = self._slots[slots] == UNKNOWN
            self._slots[slots[free][::-1]] = numbers[free][::-1]  # of two in a slot the first stays
            other = self._slots[slots] != numbers
            numbers, slots = numbers[other], (slots[other] + 1) & (len(self._slots) - 1)
