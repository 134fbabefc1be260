"""Head, middle and tail: what a perplexity means among those of its language (Wenzek et al., 2020, section 3.3)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Bucket = Literal["head", "middle", "tail", "all"]
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


def measured_cutoffs(perplexities: Float[np.ndarray, " documents"], percentiles: tuple[float, float]) -> Cutoffs:
    """The perplexities below which so many percent of the documents lie."""
    if not len(perplexities):
        return Cutoffs()
    head, middle = np.percentile(perplexities, percentiles).tolist()
    return Cutoffs(head, middle)
