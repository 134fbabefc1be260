"""How often each of many things came before, 12 bytes for each different one.

Things are known by 64-bit hashes: among a hundred million, two different ones are taken for one with a probability
of 3 in 10,000. Hashes lie in sorted runs, each at least twice as long as the next, so that what comes is looked up in
few of them and none is sorted often.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64, UInt64


@dataclass
class Occurrences:
    """A count for every hash that was seen."""

    _runs: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """Different hashes in order, uint64, and how often each came, uint32; the longest first."""

    def before(self, hashes: UInt64[np.ndarray, " hashes"]) -> Int64[np.ndarray, " hashes"]:
        """How often each one came before, in earlier calls and earlier in this one; these count from now on."""
        order = np.argsort(hashes, kind="stable")
        unique, first, counts = np.unique(hashes[order], return_index=True, return_counts=True)
        times = np.empty(len(hashes), np.int64)
        times[order] = np.arange(len(hashes)) - np.repeat(first, counts)
        times[order] += np.repeat(self._known(unique), counts)
        if len(unique):
            self._add(unique, counts.astype(np.uint32))
        return times

    def _known(self, unique: UInt64[np.ndarray, " unique"]) -> Int64[np.ndarray, " unique"]:
        known = np.zeros(len(unique), np.int64)
        for keys, counts in self._runs:
            place = np.minimum(np.searchsorted(keys, unique), len(keys) - 1)
            known += np.where(keys[place] == unique, counts[place], 0)
        return known

    def _add(self, unique: np.ndarray, counts: np.ndarray) -> None:
        """A new run, joined with those before it that are not twice as long."""
        while self._runs and len(self._runs[-1][0]) < 2 * len(unique):
            keys, more = self._runs.pop()
            unique, place = np.unique(np.concatenate([keys, unique]), return_inverse=True)
            total = np.zeros(len(unique), np.uint32)
            np.add.at(total, place, np.concatenate([more, counts]))
            counts = total
        self._runs.append((unique, counts))
