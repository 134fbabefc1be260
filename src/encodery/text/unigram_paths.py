"""The best way to cut each of many words by a unigram model (Kudo 2018, sec. 3.1), all words in step, in arrays.

`tokenizers` takes 7 to 10 µs for a new word, most of it for what it builds around its ids. This gives the same
ids for words of plain characters: letters, digits and signs that the normaliser leaves as they are, each a piece of
its own (so that none is unknown). The sums are those of the library, in its order, in double precision; ways of equal
score are decided as there: of the last pieces, the one that begins first stays.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, UInt64

from encodery.text.word_table import Runs

WORD_START = "▁"
_CATEGORIES = ("Lu", "Ll", "Nd", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc")
"""None of these is ever joined to a neighbour as a mark is, so that what one character becomes is told by itself."""
_BASIC = 1 << 16
"""Characters above are never plain."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_NONE, _ADDED = -1, -2
"""In place of an id: no piece ends here; one does that is cut off before the model is asked."""

Places = Int64[np.ndarray, " _"]
Nodes = Int32[np.ndarray, " _"]


class UnigramPaths:
    """A model's pieces as a trie in arrays: the edges in a hash table, what ends at a node beside it."""

    def __init__(
        self,
        scores: Mapping[str, float],
        ids: Mapping[str, int],
        added: Iterable[str],
        normalize: Callable[[str], str],
    ) -> None:
        """`added` are the tokens that are cut off a text before; a word with one of them is not solved."""
        plain = [
            piece for piece in scores if len(piece) == 1 and (piece == WORD_START or _is_plain(piece, normalize))
        ]
        self._classes = np.zeros(_BASIC, np.int64)
        self._classes[[ord(" " if piece == WORD_START else piece) for piece in plain]] = np.arange(1, len(plain) + 1)
        self._num_classes = len(plain) + 1
        known = {_spaced(piece): ids[piece] for piece in scores if " " not in piece}
        self.starts = WORD_START in scores
        self._build(
            {**known, **dict.fromkeys(added, _ADDED)}, {_spaced(piece): value for piece, value in scores.items()}
        )

    def solve(self, words: Sequence[bytes]) -> Runs:
        """The ids of words (UTF-8, no space in any), none for those that are not plain."""
        text = np.frombuffer((b" " + b" ".join(words) + b"\0").decode().encode("utf-32-le"), "<u4")
        classes = self._classes[np.where(text < _BASIC, text, 0)]
        bounds = np.append(np.flatnonzero(text == ord(" ")), len(text) - 1)
        starts, lengths = bounds[:-1], np.diff(bounds)
        nodes, places, sizes = self._matches(classes)
        words_of = np.repeat(np.arange(len(words)), lengths)[places]
        solved = np.logical_and.reduceat(classes[:-1] > 0, starts) & (lengths > 1) & self.starts
        solved[words_of[self._ids[nodes] == _ADDED]] = False
        kept = solved[words_of]
        edges = _Edges(nodes[kept], places[kept] + words_of[kept], sizes[kept], (places - starts[words_of])[kept])
        first = starts + np.arange(len(words))  # a word has a boundary more than characters
        before, reached = self._best(edges, len(text) + len(words))
        return self._follow(before, reached, first, first + lengths, solved)

    def _build(self, ids: Mapping[str, int], scores: Mapping[str, float]) -> None:
        """The trie, level by level, of all pieces whose characters are plain."""
        pieces = [piece for piece in ids if all(ord(c) < _BASIC and self._classes[ord(c)] for c in piece) and piece]
        lengths = np.array([len(piece) for piece in pieces], np.int64)
        text = np.frombuffer("".join(pieces).encode("utf-32-le"), "<u4")
        begins = np.cumsum(lengths) - lengths
        at = np.zeros(len(pieces), np.int64)
        keys, size = [np.zeros(0, np.int64)], 1
        for depth in range(int(lengths.max(initial=0))):
            longer = np.flatnonzero(lengths > depth)
            wanted = at[longer] * self._num_classes + self._classes[text[begins[longer] + depth]]
            new, places = np.unique(wanted, return_inverse=True)
            at[longer] = size + places
            keys.append(new)
            size += len(new)
        self._ids = np.full(size, _NONE, np.int32)
        self._ids[at] = [ids[piece] for piece in pieces]
        self._scores = np.zeros(size)
        self._scores[at] = [scores.get(piece, 0.0) for piece in pieces]
        self._fill(np.concatenate(keys), size)

    def _fill(self, keys: Places, size: int) -> None:
        """The hash table of edges: the key of each is its node and character, its value the node below."""
        bits = max(4, (4 * size).bit_length())
        self._shift = np.uint64(64 - bits)
        self._keys = np.full(1 << bits, -1, np.int64)
        self._below = np.zeros(1 << bits, np.int32)
        slots, left, below = self._slots(keys), np.arange(len(keys)), np.arange(1, size, dtype=np.int32)
        while len(left):
            free = left[self._keys[slots[left]] == -1]
            self._keys[slots[free]] = keys[free]  # of two in one slot the last stays
            placed = self._keys[slots[left]] == keys[left]
            self._below[slots[left[placed]]] = below[left[placed]]
            left = left[~placed]
            slots[left] = (slots[left] + 1) & (len(self._keys) - 1)

    def _slots(self, keys: Places) -> Places:
        mixed: UInt64[np.ndarray, " places"] = keys.view(np.uint64) * _MIX
        mixed >>= self._shift
        return np.asarray(mixed.view(np.int64))

    def _down(self, keys: Places) -> Nodes:
        """The nodes below, 0 where there is none."""
        slots = self._slots(keys)
        found = self._keys[slots]
        other = found != keys
        below = self._below[slots]
        below[other] = 0
        left = np.flatnonzero(other & (found != -1))
        while len(left):
            slots[left] = (slots[left] + 1) & (len(self._keys) - 1)
            found = self._keys[slots[left]]
            same = found == keys[left]
            below[left[same]] = self._below[slots[left[same]]]
            left = left[~same & (found != -1)]
        return np.asarray(below)

    def _matches(self, classes: Places) -> tuple[Nodes, Places, Places]:
        """Every piece in a text: its node, where it begins, its length. None reaches over a space: no piece has one
        but at its beginning."""
        places = np.flatnonzero(classes)
        nodes = np.zeros(len(places), np.int64)
        found: list[tuple[Nodes, Places, Places]] = []
        depth = 0
        while len(places):
            below = self._down(nodes * self._num_classes + classes[places + depth])
            depth += 1
            alive = np.flatnonzero(below)
            places, nodes = places[alive], below[alive].astype(np.int64)
            ends = self._ids[nodes] != _NONE
            found.append((nodes[ends].astype(np.int32), places[ends], np.full(np.count_nonzero(ends), depth)))
        nodes_found, places_found, sizes = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return nodes_found, places_found, sizes

    def _best(self, edges: "_Edges", num_boundaries: int) -> tuple[Places, Nodes]:
        """For each boundary, the one before it on the best way there and the node of the piece between."""
        best: Float64[np.ndarray, " boundaries"] = np.full(num_boundaries, -np.inf)
        before, reached = np.zeros(num_boundaries, np.int64), np.zeros(num_boundaries, np.int32)
        order = np.argsort(edges.steps.astype(np.uint16), kind="stable")
        bounds = np.append(0, np.cumsum(np.bincount(edges.steps))).tolist()
        nodes, places, scores = edges.nodes[order], edges.places[order], self._scores[edges.nodes[order]]
        targets = places + edges.sizes[order]
        best[places[: bounds[:2][-1]]] = 0.0  # the first step's begin where words do
        for start, end in pairwise(bounds):
            step = slice(start, end)
            values = scores[step] + best[places[step]]
            better = np.flatnonzero(values > best[targets[step]]) + start
            best[targets[better]] = values[better - start]
            before[targets[better]] = places[better]
            reached[targets[better]] = nodes[better]
        return before, reached

    def _follow(
        self,
        before: Places,
        reached: Nodes,
        first: Places,
        last: Places,
        solved: Bool[np.ndarray, " words"],
    ) -> Runs:
        """The pieces of each solved word, from its end back to its beginning."""
        words, at = np.flatnonzero(solved), last[solved]
        counts = np.zeros(len(first), np.int64)
        rounds: list[tuple[Places, Nodes]] = []
        while len(words):
            rounds.append((words, self._ids[reached[at]]))
            counts[words] += 1
            at = before[at]
            left = at > first[words]
            words, at = words[left], at[left]
        ends = np.cumsum(counts)
        ids = np.zeros(ends[-1] if len(ends) else 0, np.int32)
        for number, (places, found) in enumerate(rounds, start=1):
            ids[ends[places] - number] = found
        return Runs(ids, counts, solved)


@dataclass(frozen=True)
class _Edges:
    """Pieces found: the node, the boundary at which it begins, its length, and how far in its word that is."""

    nodes: Nodes
    places: Places
    sizes: Places
    steps: Places


def _spaced(piece: str) -> str:
    """With a space where a word begins; a mark inside matches nothing that is plain."""
    return " " + piece[1:] if piece.startswith(WORD_START) else piece


def _is_plain(character: str, normalize: Callable[[str], str]) -> bool:
    if ord(character) >= _BASIC or character.isspace():
        return False
    printable = character.isascii() and character.isprintable()
    return (printable or unicodedata.category(character) in _CATEGORIES) and normalize(character) == character
