"""Head, middle and tail: what a perplexity means among those of its language (Wenzek et al., 2020, section 3.3)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Bucket = Literal["head", "middle", "tail", "all"]
AT_ONCE = 1 << 20
"""So many perplexities wait to be counted."""
BUCKETS: tuple[Bucket, ...] = ("head", "middle", "tail", "all")


@dataclass(frozen=True)
class Cutoffs:
    """Of one language. Without a model there are none, and everything is in the bucket `all`."""

    head: float | None = None
    """The head is below this perplexity."""
    middle: float | None = None
    """The middle is below this one, the tail is not."""

    def bucket(self, perplexity: float | None) -> Bucket:
        """Where a document belongs."""
        if perplexity is None or self.head is None or self.middle is None:
            return "all"
        if perplexity < self.head:
            return "head"
        return "middle" if perplexity < self.middle else "tail"


class Perplexities:
    """Those of all documents of a language, in memory that does not grow with them: perplexities have one digit
    behind the point, so few are different."""

    def __init__(self) -> None:
        self._values = np.empty(0)
        self._counts = np.empty(0, np.int64)
        self._waiting: list[np.ndarray] = []
        self._num_waiting = 0

    def add(self, perplexities: Float[np.ndarray, " documents"]) -> None:
        """Of some documents more."""
        self._waiting.append(perplexities)
        self._num_waiting += len(perplexities)
        if self._num_waiting >= AT_ONCE:
            self._merge()

    def cutoffs(self, percentiles: tuple[float, float]) -> Cutoffs:
        """Those below which so many percent of the documents lie, as `numpy.percentile` finds them."""
        self._merge()
        if not len(self._values):
            return Cutoffs()
        ends = np.cumsum(self._counts)
        places = np.array(percentiles) / 100 * (ends[-1] - 1)
        low, high = (
            self._values[np.searchsorted(ends, place, side="right")] for place in (np.floor(places), np.ceil(places))
        )
        head, middle = (low + (high - low) * (places % 1)).tolist()
        return Cutoffs(head, middle)

    def _merge(self) -> None:
        """What waits to what is counted."""
        values, place = np.unique(np.concatenate([self._values, *self._waiting]), return_inverse=True)
        counts = np.concatenate([self._counts, np.ones(self._num_waiting, np.int64)])
        self._values, self._counts = values, np.zeros(len(values), np.int64)
        np.add.at(self._counts, place, counts)
        self._waiting, self._num_waiting = [], 0
