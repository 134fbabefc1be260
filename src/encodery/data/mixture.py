"""Several endless orders as one: parts take turns in fixed proportions, and any place of it is found at once.

Places come in cycles. A cycle gives each part its number of turns, spread evenly over the cycle with a random phase
for each turn: the shares hold for any stretch of steps, not in the long run alone.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int64

from encodery.data.keyed_random import keyed_uniform

CYCLE = 1 << 16
"""Turns in a cycle; shares are exact to half of one in so many."""


class Mixture:
    """Which part has its turn at each place, and which of its own places that is."""

    def __init__(self, weights: Sequence[float], seed: int, cycle: int = CYCLE) -> None:
        """Parts in proportion to `weights`. Each weight is positive and has one turn in a cycle at least.

        Raises `ValueError` for weights that are not so, or more parts than a cycle has turns.
        """
        shares: Float64[np.ndarray, " parts"] = np.asarray(weights, np.float64)
        if not len(shares) or len(shares) > cycle or not (np.isfinite(shares).all() and (shares > 0).all()):
            raise ValueError(f"weights = {list(weights)!r:.80}: 1 to {cycle} finite positive numbers are allowed")
        self.turns = _apportioned(shares / shares.sum(), cycle)
        self._seed = seed
        self._cycle = cycle
        self._turns_of = lru_cache(maxsize=4)(self._make_cycle)

    def __len__(self) -> int:
        """Number of parts."""
        return len(self.turns)

    def locate(
        self, places: Int64[np.ndarray, " places"]
    ) -> tuple[Int64[np.ndarray, " places"], Int64[np.ndarray, " places"]]:
        """The part of each place, and the place within that part: its own places come in order, none left out."""
        part, own = np.empty_like(places), np.empty_like(places)
        cycle, turn = np.divmod(places, self._cycle)
        for number in np.unique(cycle).tolist():
            inside = cycle == number
            parts, before = self._turns_of(number)
            part[inside] = parts[turn[inside]]
            own[inside] = number * self.turns[part[inside]] + before[turn[inside]]
        return part, own

    def _make_cycle(self, number: int) -> tuple[Int64[np.ndarray, " cycle"], Int64[np.ndarray, " cycle"]]:
        """The part of each turn of a cycle, and how many turns that part had before it in the cycle."""
        part = np.repeat(np.arange(len(self.turns)), self.turns)
        before = np.arange(self._cycle) - np.repeat(np.cumsum(self.turns) - self.turns, self.turns)
        moment = (before + keyed_uniform(self._seed, number, part, before)) / self.turns[part]
        order = np.argsort(moment, kind="stable")
        return part[order], before[order]


def _apportioned(shares: Float64[np.ndarray, " parts"], turns: int) -> Int64[np.ndarray, " parts"]:
    """Whole turns in proportion to the shares, one for each part at least; what is left goes to the largest rests."""
    wanted = shares * (turns - len(shares))
    given = np.floor(wanted).astype(np.int64)
    most_missing = np.argsort(given - wanted, kind="stable")
    given[most_missing[: turns - len(shares) - given.sum()]] += 1
    return np.asarray(given + 1)
