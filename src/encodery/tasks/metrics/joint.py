"""Examples of several kinds in one file, each kind with figures of its own."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from encodery.tasks.metrics.measurement import Figures, Measurement

Rows = Int64[np.ndarray, " rows"]


@dataclass(frozen=True)
class Joint:
    """Measurements side by side. Their figures have different names, and are undefined where none of their examples
    counts."""

    size: int
    """How many examples there are in all."""
    parts: tuple[tuple[Int64[np.ndarray, " _"], Measurement], ...]
    """Each measurement with the places of its examples."""

    def __len__(self) -> int:
        return self.size

    def figures(self, weights: Float[np.ndarray, "draws examples"]) -> Figures:
        found: Figures = {}
        for rows, part in self.parts:
            own = weights[:, rows]
            is_there = own.sum(-1) > 0
            found |= {name: np.where(is_there, values, np.nan) for name, values in part.figures(own).items()}
        return found

    def take(self, rows: Rows) -> "Joint":
        """A kind of which none is taken is no part any more."""
        taken = []
        for own, part in self.parts:
            places = np.full(self.size, -1)
            places[own] = np.arange(len(own))
            kept = np.flatnonzero(places[rows] >= 0)
            if len(kept):
                taken.append((kept, part.take(places[rows][kept])))
        return Joint(len(rows), tuple(taken))

    def join(self, other: Measurement) -> "Joint":
        assert isinstance(other, Joint)
        both = zip(self.parts, other.parts, strict=True)
        parts = [(np.concatenate([first, self.size + second]), one.join(two)) for (first, one), (second, two) in both]
        return Joint(self.size + other.size, tuple(parts))
