"""Which products of a graph are computed in int8, and which are not because they hurt.

Every product adds its own error to the hidden states that the head reads, nearly independently of the others. So each
is tried alone in int8, and those that harm most for what they cost are left as they were, as few as bring the cosine
of the hidden states above the bound (the idea of accuracy-aware quantisation in NNCF, with a measure that needs no
labels).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32

from encodery.deploy.packed_engine import Inputs

COSINE = 0.999
"""Of the hidden states that a head reads with those of the model in float32, the mean over rows."""
MARGIN = 0.8
"""How much of what the cosine may lose is aimed at: the texts that it is verified by are others, and harder."""
CALIBRATION_CALLS = 40
"""Of 256 tokens at most: more of them changed nothing (`benchmarks/results/2026-11-23-int8.md`)."""
JUDGED_CALLS = 12
"""Other calls than those, by which products are judged."""

Hidden = Float32[np.ndarray, "rows hidden"]


@runtime_checkable
class Quantised(Protocol):
    """A graph of which every product is in int8, and any may be left as it was."""

    @property
    def costs(self) -> Mapping[str, float]:
        """Multiplications of each product by its name."""

    def hidden(self, kept: Collection[str]) -> Hidden:
        """What the head reads over the calls that it is judged by, with the products in `kept` left as they were."""

    def save(self, folder: Path, kept: Collection[str]) -> None:
        """Write the graph into a folder."""


@dataclass(frozen=True)
class Choice:
    """What became of a graph's products."""

    kept: tuple[str, ...]
    """Those left as they were."""
    cosine: float
    """Of the hidden states, over the calls that the graph was judged by."""
    harm: Mapping[str, float] = field(default_factory=dict)
    """How much lower the cosine is with each product alone in int8, if any had to be kept."""
    share: float = 0.0
    """Of all multiplications, those of the products that are kept."""


def choose_kept(
    quantised: Quantised,
    reference: Hidden,
    bound: float = 1 - MARGIN * (1 - COSINE),
    known: Mapping[str, float] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Choice:
    """The products to keep as they were: none if the hidden states are within the bound, else as few as needed.

    All of them if nothing else helps; whoever asks looks at the cosine. `known` is the harm that an earlier choice
    found.
    """
    whole = mean_cosine(reference, quantised.hidden(()))
    if whole >= bound:
        return Choice((), whole)
    names = [*quantised.costs]
    harm = dict(known or {})
    if not harm:
        tell(f"cosine {whole:.5f} is below {bound}: looking for the products that hurt, {len(names)} to try")
        least = mean_cosine(reference, quantised.hidden(names))  # what is off though no product is in int8
        harm = {name: least - mean_cosine(reference, quantised.hidden({*names} - {name})) for name in names}
    order = sorted(names, key=lambda name: -harm[name] / quantised.costs[name])
    found: dict[int, float] = {}

    def cosine(count: int) -> float:
        if count not in found:
            found[count] = mean_cosine(reference, quantised.hidden(order[:count]))
        return found[count]

    low, high = 0, len(order)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if cosine(middle) >= bound else (middle, high)
    share = sum(quantised.costs[name] for name in order[:high]) / sum(quantised.costs.values())
    return Choice(tuple(order[:high]), cosine(high), harm, share)


def cosines(first: Float[np.ndarray, "rows hidden"], second: Float[np.ndarray, "rows hidden"]) -> np.ndarray:
    """Of each row with the same row of the other; rows that are nothing but zeros in the first are left out."""
    there = np.abs(first).max(1) > 0
    a, b = first[there].astype(np.float64), second[there].astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    found: np.ndarray = (a * b).sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    return found


def mean_cosine(first: Float[np.ndarray, "rows hidden"], second: Float[np.ndarray, "rows hidden"]) -> float:
    """The mean of `cosines`; below any bound where the second is not finite."""
    mean = float(cosines(first, second).mean())
    return mean if np.isfinite(mean) else -1.0


def rows_of_texts(inputs: Inputs, rows: int) -> Bool[np.ndarray, " rows"] | slice:
    """Which rows of a call's result are of texts: all, unless there is one for each token, some of them padding."""
    if "rows" in inputs or "weights" in inputs:
        return slice(0, rows)
    of_texts: np.ndarray = inputs["sequence_ids"] >= 0
    return of_texts


def split_calls(calls: Sequence[Inputs]) -> tuple[list[Inputs], list[Inputs]]:
    """Calls to calibrate by, and others to judge by; the same ones where there are too few for both."""
    judged = min(JUDGED_CALLS, len(calls) // 4)
    if not judged:
        return [*calls], [*calls]
    return [*calls[judged:][:CALIBRATION_CALLS]], [*calls[:judged]]
