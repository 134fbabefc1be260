"""Documents that are nearly the same: MinHash signatures (Broder, 1997), bands of them (Leskovec et al., Mining of
Massive Datasets, section 3.4), clusters of what shares a band.

The defaults are those of FineWeb (Penedo et al., 2024, section 3.4) and datatrove: runs of 5 words, 14 bands of 8
hashes; two documents of which a share s of all runs is common are found with probability 1 - (1 - s^8)^14: 0.05 at
0.5, 0.56 at 0.7, 0.92 at 0.8, 0.9996 at 0.9.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, UInt32, UInt64
from pydantic import Field

from encodery.config import Config
from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.words import mixed, ngrams, words_of

NO_WORDS = 0
"""The key of documents without a word: they are nobody's copies."""
_NO_RUN = np.uint32(2**32 - 1)
_KEY_START = np.uint64(0x9E3779B97F4A7C15)


class NearConfig(Config):
    """How documents are compared."""

    words: int = Field(5, ge=1, description="words in a run; documents are compared by the runs that they share")
    bands: int = Field(14, ge=1, le=256, description="documents that agree in one band are the same")
    rows: int = Field(8, ge=1, le=256, description="hashes in a band; more make it stricter")
    seed: int = Field(1, ge=0, lt=2**32)


class Signer:
    """What documents are compared by. Made of its configuration alone: equal in all processes."""

    def __init__(self, config: NearConfig) -> None:
        self.config = config
        # A product with an odd number and a sum, modulo 2^32, is a permutation of 32-bit hashes.
        random = np.random.Generator(np.random.PCG64(config.seed))
        self._factors, self._terms = random.integers(2**32, size=(2, config.bands * config.rows), dtype=np.uint32)
        self._factors |= np.uint32(1)

    def __call__(self, texts: Sequence[str]) -> UInt64[np.ndarray, "texts bands"]:
        """A key for each band; documents that share one are copies. `NO_WORDS` for documents without words."""
        signatures = self.signatures(texts).reshape(len(texts), self.config.bands, self.config.rows)
        keys = np.full((len(texts), self.config.bands), _KEY_START)
        for row in range(self.config.rows):
            keys = mixed(keys ^ signatures[:, :, row])
        keys[keys == NO_WORDS] = NO_WORDS + 1
        keys[(signatures == _NO_RUN).all(axis=(1, 2))] = NO_WORDS
        return keys

    def signatures(self, texts: Sequence[str]) -> UInt32[np.ndarray, "texts hashes"]:
        """MinHash signatures: the share of equal hashes estimates how much of their runs of words two texts share."""
        parts = [self._signatures(block) for block in blocks(texts)]
        return np.concatenate([np.empty((0, len(self._factors)), np.uint32), *parts])

    def _signatures(self, texts: Sequence[str]) -> UInt32[np.ndarray, "texts hashes"]:
        runs, starts = ngrams(words_of(texts), self.config.words, shorter=True)
        found = np.flatnonzero(np.diff(starts))
        result = np.full((len(texts), len(self._factors)), _NO_RUN)
        if len(found):
            values = (runs >> np.uint64(32)).astype(np.uint32)
            first = starts[found]
            for place, (factor, term) in enumerate(zip(self._factors, self._terms, strict=True)):
                result[found, place] = np.minimum.reduceat(values * factor + term, first)
        return result


def edges(
    keys: UInt64[np.ndarray, " documents"], documents: UInt64[np.ndarray, " documents"]
) -> UInt64[np.ndarray, "edges 2"]:
    """Pairs (earlier, later) of documents with equal keys in one range of one band: each later one with the first.

    Args:
        keys: sorted, and where they are equal in the order of the input.
    """
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] ^ np.uint64(1)))
    counts = np.diff(starts, append=len(keys))
    pairs = np.stack([np.repeat(documents[starts], counts), documents], axis=1)
    return pairs[(pairs[:, 0] != pairs[:, 1]) & (keys != NO_WORDS)]


def later_copies(pairs: UInt64[np.ndarray, "edges 2"]) -> UInt64[np.ndarray, " dropped"]:
    """All documents but the first of each cluster, sorted: whatever a chain of pairs joins is one cluster."""
    nodes, ends = np.unique(pairs, return_inverse=True)
    parents = np.arange(len(nodes))
    join(parents, ends.reshape(-1, 2))
    return nodes[parents != np.arange(len(nodes))]


def join(parents: Int64[np.ndarray, " nodes"], pairs: Int64[np.ndarray, "edges 2"]) -> None:
    """Join clusters in place: afterwards the parent of each node of the pairs is the first of its cluster, or leads
    to it. Union-find over arrays: all roots are found at once, each hangs itself under an earlier one, until none can.

    Called for one block of pairs after another, it needs the memory of a block besides `parents`, which may be a
    memory-mapped file.
    """
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
        above = parents[nodes]
        higher = parents[above]
        if np.array_equal(above, higher):
            return above
        parents[nodes] = higher
        nodes = higher
