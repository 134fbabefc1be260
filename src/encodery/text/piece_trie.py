"""The pieces of a vocabulary as a trie in arrays, walked from all characters of a text in step."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int64, UInt64

_MIX = np.uint64(0x9E3779B97F4A7C15)
_FREE = -1

Places = Int64[np.ndarray, " _"]
Nodes = Int64[np.ndarray, " _"]


class PieceTrie:
    """A hash table of edges. A node is the slot of the edge that leads to it, so that one look finds it."""

    def __init__(self, pieces: Sequence[str], classes: Places) -> None:
        """The trie of pieces; `classes` has a number above 0 for each of their characters, by code."""
        self._num_classes = int(classes.max(initial=0)) + 1
        text = classes[np.frombuffer("".join(pieces).encode("utf-32-le"), "<u4")]
        of_piece, levels = _levels(text, np.array([len(piece) for piece in pieces], np.int64), self._num_classes)
        size = 1 + sum(map(len, levels))
        bits = max(4, (3 * size).bit_length())
        self.num_nodes = 1 << bits
        self._shift = np.uint64(64 - bits)
        self._keys = np.full(self.num_nodes, _FREE, np.int64)
        nodes = np.full(size, self.num_nodes, np.int64)  # the root is where no edge leads
        first = 1
        for level in levels:
            above, character = np.divmod(level, self._num_classes)
            nodes[first : first + len(level)] = self._insert(nodes[above] * self._num_classes + character)
            first += len(level)
        self.nodes = nodes[of_piece]
        """Where each piece ends."""
        self._ends = np.zeros(self.num_nodes, np.bool_)
        self._ends[self.nodes] = True
        start = self.num_nodes * self._num_classes
        self._first, _ = self._down(np.arange(start, start + self._num_classes))

    def find(self, classes: Places) -> tuple[Nodes, Places, Places]:
        """Every piece in a text: its node, where it begins, its length. Class 0 is in none; of each other class,
        the character alone must be the beginning of one."""
        places = classes.nonzero()[0]
        nodes = self._first.take(classes.take(places))
        found = [(nodes, places)]
        padded = np.append(classes, 0)
        while len(places):
            keys = nodes * self._num_classes
            keys += padded[len(found) :].take(places)
            slots, there = self._down(keys)
            alive = there.nonzero()[0]
            nodes, places = slots.take(alive), places.take(alive)
            found.append((nodes, places))
        sizes = np.repeat(np.arange(1, len(found) + 1), [len(places) for _, places in found])
        all_nodes, all_places = (np.concatenate(parts) for parts in zip(*found, strict=True))
        ends = self._ends.take(all_nodes).nonzero()[0]
        return all_nodes.take(ends), all_places.take(ends), sizes.take(ends)

    def _slots(self, keys: Nodes) -> Nodes:
        mixed: UInt64[np.ndarray, " edges"] = keys.view(np.uint64) * _MIX
        mixed >>= self._shift
        return np.asarray(mixed.view(np.int64))

    def _down(self, keys: Nodes) -> tuple[Nodes, Bool[np.ndarray, " edges"]]:
        """The nodes below, and which of them there are."""
        slots = self._slots(keys)
        found = self._keys.take(slots)
        there = found == keys
        left = (there != (found != _FREE)).nonzero()[0]
        while len(left):  # taken by another edge: try the next slot
            slots[left] = at = (slots.take(left) + 1) & (self.num_nodes - 1)
            found = self._keys.take(at)
            there[left] = same = found == keys.take(left)
            left = left[same != (found != _FREE)]
        return slots, there

    def _insert(self, keys: Nodes) -> Nodes:
        """The nodes of different edges, which are new."""
        slots = self._slots(keys)
        left = np.arange(len(keys))
        while len(left):
            free = left[self._keys[slots[left]] == _FREE]
            self._keys[slots[free]] = keys[free]  # of two in a slot the last stays
            left = left[self._keys[slots[left]] != keys[left]]
            slots[left] = (slots[left] + 1) & (self.num_nodes - 1)
        return slots


def _levels(text: Places, lengths: Places, num_classes: int) -> tuple[Nodes, list[Nodes]]:
    """A trie with its nodes numbered in their order, level by level, the root 0: the node of each piece, and for each
    level the edges that lead there, as the node above times the classes and the class."""
    begins = np.cumsum(lengths) - lengths
    at = np.zeros(len(lengths), np.int64)
    levels: list[Nodes] = []
    size = 1
    for depth in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > depth)
        edges, places = np.unique(at[longer] * num_classes + text[begins[longer] + depth], return_inverse=True)
        at[longer] = size + places
        levels.append(edges)
        size += len(edges)
    return at, levels
