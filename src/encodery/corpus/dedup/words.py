"""Words and runs of words of many texts at once, as hashes: what near-duplicates and test sets are found by.

A word is a run of letters, marks and digits, lowercased; where a script has no spaces between words (Han, Kana, Thai,
Lao, Khmer, Myanmar, ...) each character is one. Everything else only separates. So one rule does for all languages,
where word lists or models would be needed per language.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt32, UInt64

from encodery.corpus.scripts import BLOCKS_WITHOUT_SPACES

_SEPARATOR, _LETTER, _ALONE = range(3)
_LETTERS = ("L", "M", "N")
_CODES = 0x110000
_CHARACTER_BASE = np.uint64(0x9E3779B97F4A7C15)
_WORD_BASE = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class Words:
    """The words of texts, one after another."""

    hashes: UInt64[np.ndarray, " words"]
    text_starts: Int64[np.ndarray, " starts"]
    """Words `text_starts[i]` up to `text_starts[i + 1]` are of text i."""
    positions: Int64[np.ndarray, " words"]
    """Where a word begins: its character, counted from the beginning of its own text."""
    alone: Bool[np.ndarray, " words"]
    """Whether it is a character of a script without spaces."""

    @cached_property
    def sums(self) -> UInt64[np.ndarray, " sums"]:
        """Prefix sums, which the hashes of runs are taken from."""
        return _prefix_sums(self.hashes, _WORD_BASE)

    def runs(self, first: Int64[np.ndarray, " n"], behind: Int64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
        """The hashes of the runs of words from `first` to before `behind`, wherever they are."""
        return mixed(_runs(self.sums, first, behind, _WORD_BASE))


def words_of(texts: Sequence[str]) -> Words:
    """The words of texts."""
    codes, starts = _codes(texts)
    kind = _kinds().take(codes)
    # A word begins where a letter follows something else, or at a character that stands alone; a separator behind
    # each text ends the last word of it.
    letter = kind == _LETTER
    alone = kind == _ALONE
    begins = alone.copy()
    begins[1:] |= letter[1:] & ~letter[:-1]
    begins[:1] |= letter[:1]
    first = np.flatnonzero(begins)
    ends = alone.copy()
    ends[:-1] |= letter[:-1] & ~letter[1:]
    behind = np.flatnonzero(ends) + 1
    sums = _prefix_sums(lowercase().take(codes).astype(np.uint64), _CHARACTER_BASE)
    hashes = mixed(_runs(sums, first, behind, _CHARACTER_BASE))
    text_starts = np.searchsorted(first, starts)
    counts = np.diff(text_starts)
    return Words(hashes, text_starts, first - np.repeat(starts[:-1], counts), alone[first])


def ngrams(
    words: Words, size: int, *, shorter: bool = False
) -> tuple[UInt64[np.ndarray, " ngrams"], Int64[np.ndarray, " starts"]]:
    """The hashes of all runs of `size` words within a text, and where those of each text begin.

    Args:
        shorter: a text of fewer words is one run by itself, unless it has none at all.
    """
    counts = np.diff(words.text_starts)
    runs = np.maximum(counts - (size - 1), (counts > 0) if shorter else 0)
    starts = np.concatenate([[0], np.cumsum(runs)])
    first = np.arange(starts[-1]) + np.repeat(words.text_starts[:-1] - starts[:-1], runs)
    behind = first + np.repeat(np.minimum(counts, size), runs)
    return words.runs(first, behind), starts


def _codes(texts: Sequence[str]) -> tuple[UInt32[np.ndarray, " codes"], Int64[np.ndarray, " starts"]]:
    """Code points of all texts, each with a line feed behind it, and where each begins."""
    joined = "\n".join([*texts, ""])
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4")
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    return codes, starts


def _prefix_sums(values: UInt64[np.ndarray, " n"], base: np.uint64) -> UInt64[np.ndarray, "n+1"]:
    """Sums of value x base^place, modulo 2^64, up to each place."""
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values * _powers(int(base), len(values)), out=sums[1:])
    return sums


def _runs(
    sums: UInt64[np.ndarray, " sums"],
    first: Int64[np.ndarray, " runs"],
    behind: Int64[np.ndarray, " runs"],
    base: np.uint64,
) -> UInt64[np.ndarray, " runs"]:
    """Polynomial hashes of runs [first, behind), wherever they are: a run's sum, brought back to place 0."""
    inverse = pow(int(base), -1, 1 << 64)
    runs: UInt64[np.ndarray, " runs"] = (sums[behind] - sums[first]) * _powers(inverse, len(sums))[first]
    return runs


_known_powers: dict[int, UInt64[np.ndarray, " n"]] = {}


def _powers(base: int, count: int) -> UInt64[np.ndarray, " n"]:
    """base^0, base^1, ..., modulo 2^64. They are kept: 8 bytes for each character of the largest call."""
    known = _known_powers.get(base)
    if known is None or len(known) < count:
        size = max(1 << 16, 1 << (count - 1).bit_length()) if count else 1
        known = np.full(size, base, np.uint64)
        known[0] = 1
        _known_powers[base] = known = np.cumprod(known, dtype=np.uint64)
    return known[:count]


def mixed(hashes: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """Every bit of the result depends on all bits (the finisher of splitmix64, Steele et al., 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


@cache
def _kinds() -> UInt8[np.ndarray, " codes"]:
    """For each code point whether it separates, belongs to a word, or is one."""
    kinds = np.full(_CODES, _SEPARATOR, np.uint8)
    kinds[[code for code in range(_CODES) if unicodedata.category(chr(code))[0] in _LETTERS]] = _LETTER
    for first, last in BLOCKS_WITHOUT_SPACES:
        block = kinds[first : last + 1]
        block[block == _LETTER] = _ALONE
    return kinds


@cache
def lowercase() -> UInt32[np.ndarray, " codes"]:
    """For each code point its small letter, if that is one character."""
    small = [chr(code).lower() for code in range(_CODES)]
    return np.array([ord(letter) if len(letter) == 1 else code for code, letter in enumerate(small)], np.uint32)
