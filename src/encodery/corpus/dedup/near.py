"""Documents that are nearly the same: MinHash signatures (Broder, 1997), bands of them (Leskovec et al., Mining of
Massive Datasets, section 3.4), clusters of what shares a band.

The defaults are those of FineWeb (Penedo et al., 2024, section 3.4) and datatrove: runs of 5 words, 14 bands of 8
hashes; two documents of which a share s of all runs is common are found with probability 1 - (1 - s^8)^14: 0.05 at
0.5, 0.56 at 0.7, 0.92 at 0.8, 0.9996 at 0.9.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt32, UInt64
from pydantic import Field

from encodery.config import Config
from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.words import mixed, ngrams, words_of
from encodery.corpus.page import Page

NOTHING = 0
"""The key of documents without words, or without an address: they are nobody's copies."""
_NO_RUN = np.uint32(2**32 - 1)
_STEP = np.uint64(0x9E3779B97F4A7C15)


class NearConfig(Config):
    """How documents are compared."""

    words: int = Field(default=5, ge=1)
    """In a run; documents are compared by the runs of words that they share."""
    bands: int = Field(default=14, ge=1, le=256)
    """Documents that agree in one band are the same."""
    rows: int = Field(default=8, ge=1, le=256)
    """Hashes in a band; more make it stricter."""
    urls: bool = False
    """Documents of one address are the same, too, whatever they say."""
    seed: int = Field(default=1, ge=0, lt=2**32)


class Signer:
    """What documents are compared by. Made of its configuration alone: equal in all processes."""

    def __init__(self, config: NearConfig) -> None:
        self.config = config
        # A product with an odd number and a sum, modulo 2^32, is a permutation of 32-bit hashes. The numbers are
        # those of splitmix64, so that no version of NumPy changes them.
        steps = np.arange(1, 2 * config.bands * config.rows + 1, dtype=np.uint64)
        numbers = (mixed(steps * _STEP + np.uint64(config.seed)) >> np.uint64(32)).astype(np.uint32)
        self._factors, self._terms = numbers.reshape(2, -1) | np.array([[1], [0]], np.uint32)

    def __call__(self, pages: Sequence[Page]) -> UInt64[np.ndarray, "pages keys"]:
        """The keys of documents; those that share one are copies. One for each band and, with `urls`, the address."""
        keys = self.bands([page.text for page in pages])
        return np.column_stack([keys, url_keys([page.url for page in pages])]) if self.config.urls else keys

    def bands(self, texts: Sequence[str]) -> UInt64[np.ndarray, "texts bands"]:
        """A key for each band; `NOTHING` for texts without words."""
        signatures = self.signatures(texts).reshape(len(texts), self.config.bands, self.config.rows)
        keys = np.full((len(texts), self.config.bands), _STEP)
        for row in range(self.config.rows):
            keys = mixed(keys ^ signatures[:, :, row])
        keys[keys == NOTHING] = NOTHING + 1
        keys[(signatures == _NO_RUN).all(axis=(1, 2))] = NOTHING
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


def url_keys(urls: Sequence[str]) -> UInt64[np.ndarray, " urls"]:
    """Keys of addresses, without the part behind `#`: that is a place in the page."""
    pages = (url.partition("#")[0].encode("utf-8", "surrogatepass") for url in urls)
    from xxhash import xxh3_64_intdigest

    return np.array([xxh3_64_intdigest(page) if page else NOTHING for page in pages], np.uint64)


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
    joined: UInt64[np.ndarray, "edges 2"] = pairs[(pairs[:, 0] != pairs[:, 1]) & (keys != NOTHING)]
    return joined
