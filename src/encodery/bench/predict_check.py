"""Whether an engine computes the model at all, before it is timed."""

import numpy as np
from jaxtyping import Float64

from encodery.bench.engines import Worker
from encodery.errors import UserError

Logits = Float64[np.ndarray, "texts labels"]
COMPARED_TEXTS = 16
LEAST_COSINE = 0.98
"""Of centred logits of all compared texts with those of fp32: a coarse net, for weights are random. Quality is what
`encodery export` and `benchmarks/peer_scores.py` measure."""
OTHER_OUTPUTS = ("ctranslate2-int8", "transformers-pipeline")
"""Engines whose numbers are no logits."""


def check_side(engine: str, worker: Worker, reference: Logits | None) -> Logits:
    """The logits of an engine.

    Raises:
        UserError: they are not finite, or not those of the reference.
    """
    logits = np.array(worker.ask({"do": "logits", "number": COMPARED_TEXTS})[0]["result"], np.float64)
    if not np.isfinite(logits).all():
        raise UserError(f"bench predict: {engine} gives numbers that are not finite")
    if reference is not None and engine not in OTHER_OUTPUTS and (near := cosine(logits, reference)) < LEAST_COSINE:
        raise UserError(
            f"bench predict: the logits of {engine} are not those of transformers (cosine {near:.3f}, at least "
            f"{LEAST_COSINE} expected); times of different results are not compared"
        )
    return logits


def cosine(first: Logits, second: Logits) -> float:
    """Of the differences between the two labels, texts as one vector."""
    a, b = (values[:, 1] - values[:, 0] for values in (first, second))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-30))
