"""Clusters of documents that pairs join, however many pairs and documents there are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt32, UInt64

AT_ONCE = 1 << 20
_NUMBER_BITS = np.uint64(32)


def later_copies(
    pairs: Iterable[UInt64[np.ndarray, "_ 2"]], sizes: Sequence[int], scratch: Path
) -> Iterator[UInt32[np.ndarray, " _"]]:
    """For each part of the input in turn the documents that go, sorted: all but the first of each cluster. Whatever a
    chain of pairs joins is one cluster; the order of the pairs changes nothing.

    Memory is that of a million pairs. A file `scratch` of 8 bytes for each document, mapped into memory, holds the
    clusters while they are made; it is removed in the end.

    Args:
        pairs: of documents, each its part's number x 2^32 + its own number within the part.
        sizes: how many documents each part has.

    Raises:
        OSError: the file cannot be written.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    with scratch.open("wb") as file:
        for first in range(0, int(starts[-1]), AT_ONCE):  # written, not left sparse: a full disk is an error here
            file.write(np.arange(first, min(first + AT_ONCE, starts[-1])).tobytes())
    try:
        parents = np.memmap(scratch, np.int64, "r+") if starts[-1] else np.empty(0, np.int64)
        for block in pairs:
            for first in range(0, len(block), AT_ONCE):
                join(parents, _places(block[first : first + AT_ONCE], starts))
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            # The first of a cluster is its own parent; all others have one before them.
            yield np.flatnonzero(parents[start:end] != np.arange(start, end)).astype(np.uint32)
    finally:
        scratch.unlink()


def join(parents: Int64[np.ndarray, " nodes"], pairs: Int64[np.ndarray, "edges 2"]) -> None:
    """Join clusters in place: afterwards the parent of each node of the pairs is the first of its cluster, or leads
    to it. Union-find over arrays: all roots are found at once, each hangs itself under an earlier one, until none is
    left apart."""
    left, right = pairs[:, 0], pairs[:, 1]
    while True:
        left, right = _roots(parents, left), _roots(parents, right)
        apart = left != right
        if not apart.any():
            return
        left, right = left[apart], right[apart]
        parents[np.maximum(left, right)] = np.minimum(left, right)


def _roots(parents: Int64[np.ndarray, " nodes"], nodes: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    """The roots of nodes; the way there is halved for the next time."""
    while True:
        above: Int64[np.ndarray, " n"] = parents[nodes]
        higher = parents[above]
        if np.array_equal(above, higher):
            return above
        parents[nodes] = higher
        nodes = higher


def _places(
    documents: UInt64[np.ndarray, "edges 2"], starts: Int64[np.ndarray, " starts"]
) -> Int64[np.ndarray, "edges 2"]:
    """Documents counted through all parts."""
    parts = (documents >> _NUMBER_BITS).astype(np.int64)
    places: Int64[np.ndarray, "edges 2"] = starts[parts] + documents.astype(np.uint32).astype(np.int64)
    return places
