"""Many words of a text at once, in arrays: a string for each takes longer than all that is done with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt8, UInt64

PADDING = bytes(16)
"""Must follow the last word of a text, so that whole numbers can be read there."""
INLINE = 15
"""Bytes of a word that its key holds. Longer words are rare."""
_LOW = np.array([(1 << 8 * min(size, 8)) - 1 for size in range(INLINE + 2)], np.uint64)
_HIGH = np.array([(1 << 8 * max(min(size, INLINE) - 8, 0)) - 1 for size in range(INLINE + 2)], np.uint64)
_SIZE = np.array([(size + 1) << 56 for size in range(INLINE + 2)], np.uint64)
"""By length, `INLINE + 1` for any above: which of the first 8 bytes and of the next 7 are the word's; what tells
words of different length apart, and is never 0."""
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))

Numbers = Int64[np.ndarray, " words"]
Keys = UInt64[np.ndarray, " words"]


@dataclass(frozen=True)
class Words:
    """Words of a text in UTF-8, `PADDING` behind the last: where each begins, and its bytes."""

    text: UInt8[np.ndarray, " bytes"]
    starts: Numbers
    lengths: Numbers

    @classmethod
    def of(cls, words: Sequence[bytes]) -> "Words":
        """Words one after another."""
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        return cls(np.frombuffer(b"".join(words) + PADDING, np.uint8), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, places: Numbers) -> "Words":
        """Some of them."""
        return Words(self.text, self.starts.take(places), self.lengths.take(places))

    def listed(self) -> list[bytes]:
        """Each as it is."""
        bounds = zip(self.starts.tolist(), (self.starts + self.lengths).tolist(), strict=True)
        return [self.text[start:end].tobytes() for start, end in bounds]

    def different(self) -> "Words":
        """Each word once, in the order in which they come. Two that `mixed` cannot tell apart count as one, unless
        they are long."""
        _, first = np.unique(self.mixed, return_index=True)
        first = first[~self.is_long.take(first)]
        long = self.is_long.nonzero()[0]
        if len(long):
            of_word = dict(zip(reversed(self.take(long).listed()), reversed(long.tolist()), strict=True))
            first = np.append(first, np.array(list(of_word.values()), np.int64))
        return self.take(np.sort(first))

    @cached_property
    def is_long(self) -> Bool[np.ndarray, " words"]:
        """Which of them no key holds."""
        return self.lengths > INLINE

    @cached_property
    def keys(self) -> tuple[Keys, Keys]:
        """The first 8 bytes; the next 7 and the length. Of a long word, a key that no other word has."""
        sizes = np.minimum(self.lengths, INLINE + 1)
        windows = np.ndarray((len(self.text) - 15,), "V16", self.text, strides=(1,))
        halves: UInt64[np.ndarray, " halves"] = windows[self.starts].view("<u8")
        return halves[::2] & _LOW.take(sizes), halves[1::2] & _HIGH.take(sizes) | _SIZE.take(sizes)

    @cached_property
    def mixed(self) -> Keys:
        """A number whose upper bits are spread evenly, of equal words the same."""
        return mix(*self.keys)


def mix(low: Keys, high: Keys) -> Keys:
    """`Words.mixed` of keys."""
    mixed: Keys = (low * _MIX[0] ^ high * _MIX[1]) * _MIX[0]
    return mixed


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
