"""Runs of words that texts share with a known set of texts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64

from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.words import Words, ngrams, words_of

_CHARACTERS_PER_WORD = 1.5
"""In scripts without spaces a character counts as a word (`words_of`): that many more make up as long a run."""
_SLOTS_PER_RUN = 32
_MAX_SLOTS = 1 << 24


@dataclass(frozen=True)
class Hits:
    """Where texts share a run."""

    texts: Int64[np.ndarray, " hits"]
    """Sorted."""
    first: Int64[np.ndarray, " hits"]
    last: Int64[np.ndarray, " hits"]
    """The characters at which the first and the last word of the run begin, from the beginning of the text."""
    sets: Int64[np.ndarray, " hits"]
    """Which of the sets has the run: the first of those that do."""


class Overlap:
    """All runs of so many words of sets of texts; of shorter texts the whole."""

    def __init__(self, sets: Sequence[Iterable[str]], words: int, shortest: int) -> None:
        """
        Args:
            words: in a run; for texts mostly in scripts without spaces, 1.5 times as many characters.
            shortest: texts of fewer words (or 1.5 times as many characters) are not looked for.
        """
        found = [_runs(list(texts), words, shortest) for texts in sets]
        hashes = np.concatenate([np.empty(0, np.uint64), *(runs for by_size in found for runs in by_size.values())])
        owners = np.repeat(np.arange(len(found)), [sum(map(len, by_size.values())) for by_size in found])
        # `unique` tells the first place of each hash: of sets that share a run the first keeps it.
        self.hashes, first = np.unique(hashes, return_index=True)
        self.owners = owners[first]
        self.sizes = sorted({size for by_size in found for size in by_size})
        slots = min(_MAX_SLOTS, 1 << (_SLOTS_PER_RUN * len(self.hashes)).bit_length())
        self._mask = np.uint64(slots - 1)
        self._taken = np.zeros(slots, np.uint8)
        self._taken[self.hashes & self._mask] = 1

    def find(self, texts: Sequence[str]) -> Hits:
        """Every run of the texts that the sets have as well."""
        parts, before = [], 0
        for block in blocks(texts):
            words = words_of(block)
            parts += [self._find(words, size, before) for size in self.sizes]
            before += len(block)
        hits = np.concatenate([np.empty((4, 0), np.int64), *parts], axis=1)
        return Hits(*hits[:, np.argsort(hits[0], kind="stable")])

    def _find(self, words: Words, size: int, before: int) -> Int64[np.ndarray, "4 hits"]:
        runs, starts = ngrams(words, size)
        # Most runs are nobody's: one look into a small table tells, the search is for the few that are left.
        places = np.flatnonzero(self._taken[runs & self._mask])
        where = np.searchsorted(self.hashes, runs[places])
        where[where == len(self.hashes)] = 0
        same = self.hashes[where] == runs[places]
        places, where = places[same], where[same]
        texts = np.searchsorted(starts, places, side="right") - 1
        first = words.text_starts[texts] + places - starts[texts]
        return np.stack(
            [texts + before, words.positions[first], words.positions[first + size - 1], self.owners[where]]
        )


def _runs(texts: Sequence[str], words: int, shortest: int) -> dict[int, UInt64[np.ndarray, " runs"]]:
    """The runs of one set by the number of their words."""
    found: dict[int, list[UInt64[np.ndarray, " runs"]]] = {}
    for block in blocks(texts):
        sizes = _sizes(words_of(block), words, shortest)
        for size in np.unique(sizes[sizes > 0]).tolist():
            chosen = [text for text, own in zip(block, sizes, strict=True) if own == size]
            found.setdefault(size, []).append(ngrams(words_of(chosen), size)[0])
    return {size: np.concatenate(parts) for size, parts in found.items()}


def _sizes(found: Words, words: int, shortest: int) -> Int64[np.ndarray, " texts"]:
    """For each text how long its runs are; 0 if it is too short to be looked for."""
    counts = np.diff(found.text_starts)
    alone = np.diff(np.concatenate([[0], np.cumsum(found.alone)])[found.text_starts])
    factor = np.where(2 * alone > counts, _CHARACTERS_PER_WORD, 1.0)
    sizes = np.minimum(counts, np.ceil(words * factor).astype(np.int64))
    return np.where(counts >= np.ceil(shortest * factor), sizes, 0)
