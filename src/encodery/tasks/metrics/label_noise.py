"""Which labels of a data set may be wrong: those that a model disagrees with, surely and as surely as it is right."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64


@dataclass(frozen=True)
class Suspect:
    """One example whose label may be wrong."""

    row: int
    suggested: int
    """The class that it may be."""
    margin: float
    """The probability of that class less the one of the stated class."""


def label_suspects(
    probabilities: Float[np.ndarray, "examples classes"], stated: Int64[np.ndarray, " examples"]
) -> list[Suspect]:
    """Confident disagreement (Northcutt, Jiang and Chuang 2021, "Confident learning", sections 3.1 and 3.2), the
    largest margin first.

    A class is likely for an example if its probability is at least the mean that the class has over the examples
    which state it: a model that is careful with a class is believed sooner there. An example is suspect if the most
    probable of its likely classes is another than the stated one. The probabilities must come from a model that was
    not trained on these examples; it says what it learned by heart otherwise.
    """
    size = probabilities.shape[1]
    chosen = probabilities[np.arange(len(stated)), stated]
    counts = np.bincount(stated, minlength=size)
    sums = np.bincount(stated, chosen, minlength=size)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    likely = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = likely.argmax(-1) if size else np.zeros(len(stated), np.int64)
    rows = np.flatnonzero((likely.max(-1, initial=-1.0) >= 0) & (best != stated))
    margins = probabilities[rows, best[rows]] - chosen[rows]
    order = np.argsort(-margins, kind="stable")
    return [Suspect(int(rows[i]), int(best[rows[i]]), float(margins[i])) for i in order]
