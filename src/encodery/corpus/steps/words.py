"""What rules about words look at: words between spaces of many texts at once, and whether a text has such."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from encodery.corpus.page import Page
from encodery.corpus.scripts import LANGUAGES_WITHOUT_SPACES, is_without_spaces
from encodery.corpus.steps.punctuation import PUNCTUATION

_SPACE, _LETTER, _NO_PUNCTUATION = 1, 2, 4
_CODES = 0x110000


class SplitWords(NamedTuple):
    """The words of texts, one text's behind the other's."""

    numbers: Int64[np.ndarray, " words"]
    """The same for the same word: 0, 1, ..."""
    lengths: Int64[np.ndarray, " words"]
    """In characters."""
    starts: Int64[np.ndarray, " texts+1"]
    """Where the words of each text begin."""


def split_words(texts: Sequence[str]) -> SplitWords:
    """The words that `str.split()` finds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # no half of a surrogate pair is UTF-8; each becomes one character
    found = pc.utf8_split_whitespace(pa.array([text.encode("utf-8", "replace") for text in texts]).cast(pa.string()))
    words = found.values.dictionary_encode()
    numbers = words.indices.to_numpy().astype(np.int64)
    lengths = pc.utf8_length(words.dictionary).to_numpy().astype(np.int64)[numbers]
    real = lengths > 0  # beside spaces at an end of a text there is an empty word
    starts = np.concatenate([[0], np.cumsum(real)])[found.offsets.to_numpy()]
    return SplitWords(numbers[real], lengths[real], starts)


class WordCounts(NamedTuple):
    """Of each text."""

    words: Int64[np.ndarray, " texts"]
    real: Int64[np.ndarray, " texts"]
    """Words that are not punctuation alone."""
    real_characters: Int64[np.ndarray, " texts"]
    """Characters of these."""
    with_letters: Int64[np.ndarray, " texts"]


def word_counts(texts: Sequence[str]) -> WordCounts:
    """Counts of the words that `str.split()` finds."""
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    codes = np.frombuffer("\n".join([*texts, ""]).encode("utf-32-le", "surrogatepass"), "<u4")
    kinds = _kinds().take(codes)
    is_space = (kinds & _SPACE).astype(bool)
    edges = np.flatnonzero(np.diff(is_space, prepend=True))  # the last code is a space: each word has two
    first, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(edges):
        return WordCounts(*np.zeros((4, len(texts)), np.int64))
    within = np.bitwise_or.reduceat(kinds, edges)[::2]
    real = (within & _NO_PUNCTUATION).astype(bool)
    text_of_word = np.searchsorted(first, starts)
    return WordCounts(
        np.diff(text_of_word),
        _sums(real, text_of_word),
        _sums(lengths * real, text_of_word),
        _sums((within & _LETTER).astype(bool), text_of_word),
    )


def has_words(page: Page) -> bool:
    """Whether a page's words lie between spaces: by its language, or by its letters where nobody knows that. Where
    they do not, rules that count words say nothing and are passed over."""
    if page.language:
        return page.language not in LANGUAGES_WITHOUT_SPACES
    letters = [letter for letter in page.text[:1000] if letter.isalpha()]
    return 2 * sum(map(is_without_spaces, letters)) <= len(letters)


def _sums(values: np.ndarray, bounds: Int64[np.ndarray, " bounds"]) -> Int64[np.ndarray, " texts"]:
    return np.diff(np.concatenate([[0], np.cumsum(values, dtype=np.int64)])[bounds])


@cache
def _kinds() -> UInt8[np.ndarray, " codes"]:
    """Of each code point whether it is a space, a letter, no punctuation."""
    characters = [chr(code) for code in range(_CODES)]
    kinds = np.zeros(_CODES, np.uint8)
    kinds[[code for code, character in enumerate(characters) if character.isspace()]] |= _SPACE
    kinds[[code for code, character in enumerate(characters) if character.isalpha()]] |= _LETTER
    kinds[[code for code, character in enumerate(characters) if character not in PUNCTUATION]] |= _NO_PUNCTUATION
    return kinds
