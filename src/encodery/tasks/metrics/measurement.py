"""What predictions were worth, example by example: the one shape from which scores, intervals, slices and
comparisons come.

Every figure here is a function of *how often each example counts*. All once: the score. A random number of times: a
resample of the bootstrap. Only some: a slice. So nothing is ever computed from texts a second time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int64

Figures = dict[str, np.ndarray]
"""Name → one value for each draw. NaN where it is undefined, as a mean over no examples."""


@runtime_checkable
class Measurement(Protocol):
    """Predictions compared with what is true, one entry per example."""

    def __len__(self) -> int:
        """How many examples."""

    def figures(self, weights: Float[np.ndarray, "draws examples"]) -> Figures:
        """Every figure, once for each row of `weights`: how often each example counts."""

    def take(self, rows: Int64[np.ndarray, " rows"]) -> "Measurement":
        """Those examples alone."""

    def join(self, other: "Measurement") -> "Measurement":
        """These examples, then those of another measurement of the same kind."""


@dataclass(frozen=True)
class Sums:
    """Figures that are a function of sums over the examples: F1 of hits, guesses and support; a mean of a sum and a
    count."""

    columns: Float[np.ndarray, "examples columns"]
    """What each example adds to each sum."""
    formula: Callable[[np.ndarray], Figures]
    """Figures of rows of sums, `[draws, columns]`."""

    def __len__(self) -> int:
        return len(self.columns)

    def figures(self, weights: Float[np.ndarray, "draws examples"]) -> Figures:
        return self.formula(weights @ self.columns)

    def take(self, rows: Int64[np.ndarray, " rows"]) -> "Sums":
        return replace(self, columns=self.columns[rows])

    def join(self, other: Measurement) -> "Sums":
        assert isinstance(other, Sums)
        return replace(self, columns=np.concatenate([self.columns, other.columns]))


def scores(measurement: Measurement) -> dict[str, float]:
    """The figures of all examples, each counted once, as plain numbers; those that are undefined are left out."""
    figures = measurement.figures(np.ones((1, len(measurement))))
    return {name: float(values[0]) for name, values in figures.items() if not np.isnan(values[0])}
