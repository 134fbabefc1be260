"""Runs of words that texts share with a known set of texts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt64

from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.words import Words, ngrams, words_of

_CHARACTERS_PER_WORD = 1.5
"""In scripts without spaces a character counts as a word (`words_of`): that many more make up as long a run."""
_SLOTS_PER_HEAD = 16
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
    """All runs of so many words of sets of texts; of shorter texts the whole.

    All runs begin with one of `shortest` words, their head. A text is searched for heads only; where there is one,
    for the runs of all sizes.
    """

    def __init__(self, sets: Sequence[Iterable[str]], words: int, shortest: int) -> None:
        """
        Args:
            words: in a run; for texts mostly in scripts without spaces, 1.5 times as many characters.
            shortest: texts of fewer words (or 1.5 times as many characters) are not looked for.
        """
        heads, hashes, owners = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        sizes: dict[int, set[int]] = {}
        self.empty: list[int] = []
        """The sets that nothing is looked for of: all their texts are too short."""
        for owner, texts in enumerate(sets):
            before = len(owners)
            for head, size, first, words_found in _runs(list(texts), words, shortest):
                sizes.setdefault(head, set()).add(size)
                heads.append(words_found.runs(first, first + head))
                hashes.append(words_found.runs(first, first + size))
                owners.append(np.full(len(first), owner))
            if len(owners) == before:
                self.empty.append(owner)
        # `unique` tells the first place of each hash: of sets that share a run the first keeps it.
        self.hashes, kept = np.unique(np.concatenate(hashes), return_index=True)
        self.owners = np.concatenate(owners)[kept]
        self.sizes = {head: sorted(found) for head, found in sorted(sizes.items())}
        self._heads = np.unique(np.concatenate(heads))
        slots = min(_MAX_SLOTS, 1 << (_SLOTS_PER_HEAD * len(self._heads)).bit_length())
        self._mask = np.uint64(slots - 1)
        self._may_be_head = np.zeros(slots, np.uint8)
        self._may_be_head[self._heads & self._mask] = 1

    def find(self, texts: Sequence[str]) -> Hits:
        """Every run of the texts that the sets have as well."""
        parts, before = [], 0
        for block in blocks(texts):
            words = words_of(block)
            parts += [hits for head in self.sizes for hits in self._find(words, head, before)]
            before += len(block)
        hits = np.concatenate([np.empty((4, 0), np.int64), *parts], axis=1)
        return Hits(*hits[:, np.argsort(hits[0], kind="stable")])

    def _find(self, words: Words, head: int, before: int) -> Iterator[Int64[np.ndarray, "4 hits"]]:
        runs, starts = ngrams(words, head)
        # Most runs are nobody's: one look into a table tells, the search is for the few that are left.
        places = np.flatnonzero(self._may_be_head.take((runs & self._mask).view(np.int64)))
        places = places[_found(self._heads, runs[places])[1]]
        texts = np.searchsorted(starts, places, side="right") - 1
        first = words.text_starts[texts] + places - starts[texts]
        for size in self.sizes[head]:
            fits = first + size <= words.text_starts[texts + 1]
            yield self._of_size(words, first[fits], size, texts[fits] + before)

    def _of_size(
        self, words: Words, first: Int64[np.ndarray, " runs"], size: int, texts: Int64[np.ndarray, " runs"]
    ) -> Int64[np.ndarray, "4 hits"]:
        runs = words.runs(first, first + size)
        where, same = _found(self.hashes, runs)
        first = first[same]
        return np.stack(
            [texts[same], words.positions[first], words.positions[first + size - 1], self.owners[where[same]]]
        )


def _found(
    known: UInt64[np.ndarray, " known"], hashes: UInt64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Where sorted hashes have others, and whether they have them."""
    where = np.searchsorted(known, hashes)
    where[where == len(known)] = 0
    return where, known[where] == hashes if len(known) else np.zeros(len(hashes), bool)


def _runs(
    texts: Sequence[str], words: int, shortest: int
) -> Iterator[tuple[int, int, Int64[np.ndarray, " n"], Words]]:
    """The runs of texts, by size: how long their heads are, how long they are, and where they begin in the words."""
    for block in blocks(texts):
        found = words_of(block)
        heads, sizes = _sizes(found, words, shortest)
        for head, size in np.unique(np.stack([heads, sizes])[:, sizes > 0], axis=1).T.tolist():
            chosen = (heads == head) & (sizes == size)
            begin, counts = found.text_starts[:-1][chosen], np.diff(found.text_starts)[chosen] - size + 1
            first = np.repeat(begin - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
            yield head, size, first, found


def _sizes(
    found: Words, words: int, shortest: int
) -> tuple[Int64[np.ndarray, " texts"], Int64[np.ndarray, " texts"]]:
    """For each text how long the heads of its runs are, and its runs; 0 if it is too short to be looked for."""
    counts = np.diff(found.text_starts)
    alone = np.diff(np.concatenate([[0], np.cumsum(found.alone)])[found.text_starts])
    factor = np.where(2 * alone > counts, _CHARACTERS_PER_WORD, 1.0)
    heads = np.ceil(shortest * factor).astype(np.int64)
    sizes = np.minimum(counts, np.ceil(words * factor).astype(np.int64))
    return heads, np.where(counts >= heads, sizes, 0)
