"""Runs of up to six words as two 64-bit numbers, the last word in the highest bits: sorted, those that end alike
stand together, which is the order in which Kneser-Ney smoothing counts what can stand before a run."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt64

BITS = 21
MAX_WORDS = 1 << BITS
MAX_ORDER = 6
UNKNOWN, BEGIN, END = range(3)
"""The numbers of `<unk>`, `<s>` and `</s>`; words have the numbers behind."""
_HALF = MAX_ORDER // 2
_WORD = np.uint64(MAX_WORDS - 1)
_ALL = np.uint64((1 << BITS * _HALF) - 1)
Numbers = UInt64[np.ndarray, " grams"]


class Grams(NamedTuple):
    """Runs of words of one length."""

    high: Numbers
    """The last three words."""
    low: Numbers
    """The three before them."""

    def word(self, place: int) -> Numbers:
        """The words at a place counted from the end: 1 is the last."""
        half, place = (self.high, place) if place <= _HALF else (self.low, place - _HALF)
        return (half >> np.uint64(BITS * (_HALF - place))) & _WORD

    def suffixes(self, size: int) -> "Grams":
        """Their last words."""
        return Grams(
            self.high & _kept(min(size, _HALF)),
            self.low & _kept(max(size - _HALF, 0)),
        )

    def contexts(self) -> "Grams":
        """All but their last words."""
        shift, rest = np.uint64(BITS), np.uint64(BITS * (_HALF - 1))
        return Grams((self.high << shift) & _ALL | self.low >> rest, (self.low << shift) & _ALL)

    def take(self, rows: Bool[np.ndarray, " grams"] | Int64[np.ndarray, " taken"]) -> "Grams":
        """Some of them."""
        return Grams(self.high[rows], self.low[rows])

    def order(self) -> Int64[np.ndarray, " grams"]:
        """The rows in sorted order; equal ones stay as they stand."""
        if not self.low.any():
            return np.argsort(self.high, kind="stable")
        return np.lexsort((self.low, self.high))

    def starts(self) -> Bool[np.ndarray, " grams"]:
        """Of sorted ones, which differ from the one before."""
        new = np.ones(len(self.high), bool)
        new[1:] = (self.high[1:] != self.high[:-1]) | (self.low[1:] != self.low[:-1])
        return new


def joined(*parts: Grams) -> Grams:
    """All of several, one behind the other."""
    return Grams(np.concatenate([part.high for part in parts]), np.concatenate([part.low for part in parts]))


def grams_of(windows: Int64[np.ndarray, "grams words"]) -> Grams:
    """Rows of words, in the order of the text."""
    numbers = np.zeros((len(windows), MAX_ORDER), np.uint64)
    numbers[:, : windows.shape[1]] = windows[:, ::-1]
    shifts = np.arange(BITS * (_HALF - 1), -1, -BITS, dtype=np.uint64)
    high, low = (np.bitwise_or.reduce(half << shifts, axis=1) for half in (numbers[:, :_HALF], numbers[:, _HALF:]))
    return Grams(high, low)


def _kept(words: int) -> np.uint64:
    """The bits of so many words of three."""
    return _ALL ^ np.uint64((1 << BITS * (_HALF - words)) - 1)
