"""Finding: mean reciprocal rank, nDCG and recall of documents ranked by similarity to a query."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from encodery.tasks.metrics.measurement import Figures, Sums
from encodery.tasks.metrics.ratios import mean, ratio

_QUERIES_AT_ONCE = 256
"""Memory grows with the number of documents, not with its square."""


def retrieval_measurement(
    similarities: Float[np.ndarray, "queries documents"],
    gains: Float[np.ndarray, "queries documents"],
    cutoffs: Sequence[int] = (1, 10),
) -> Sums:
    """`mrr`, and `ndcg@k` and `recall@k` for each cutoff, each a mean over the queries.

    A document is relevant if its gain is above 0. `mrr`: one over the rank of the first relevant document.
    `recall@k`: the share of the relevant ones among the first k. `ndcg@k` (Järvelin and Kekäläinen 2002): gains
    over log2(rank + 1), against the best order. A query without a relevant document counts 0. Of equally similar
    documents the less relevant come first, so that a model which finds all alike gains nothing.
    """
    order = np.lexsort((gains, -similarities), axis=-1)
    ranked = np.take_along_axis(gains, order, axis=-1)
    ideal = -np.sort(-gains, axis=-1)
    relevant = ranked > 0
    found = np.cumsum(relevant, axis=-1)
    first = np.where(relevant.any(-1), relevant.argmax(-1), np.inf)
    columns = {"mrr": 1 / (first + 1)}
    for k in cutoffs:
        columns[f"ndcg@{k}"] = ratio(_discounted(ranked[:, :k]), _discounted(ideal[:, :k]))
        columns[f"recall@{k}"] = ratio(found[:, :k].max(-1), found[:, -1])
    return Sums(np.stack([*columns.values(), np.ones(len(gains))], axis=1), _means(tuple(columns)))


def pair_retrieval(
    first: Float[np.ndarray, "pairs hidden"],
    second: Float[np.ndarray, "pairs hidden"],
    texts: Sequence[tuple[str, str]],
    cutoffs: Sequence[int] = (1, 10),
) -> Sums:
    """Every first text of a set of pairs looks, by cosine, for its second among all second texts of the set.

    A text that is there twice is one document, and all second texts of the same first text are relevant to it.
    """
    found = {second_text: place for place, (_, second_text) in enumerate(texts)}
    column = {text: number for number, text in enumerate(found)}
    relevant: dict[str, list[int]] = {}
    for query, text in texts:
        relevant.setdefault(query, []).append(column[text])
    documents = _unit(second[list(found.values())])
    parts = []
    for start in range(0, len(texts), _QUERIES_AT_ONCE):
        queries = texts[start : start + _QUERIES_AT_ONCE]
        gains = np.zeros((len(queries), len(documents)))
        for row, (query, _) in enumerate(queries):
            gains[row, relevant[query]] = 1.0
        similarities = _unit(first[start : start + len(queries)]) @ documents.T
        parts.append(retrieval_measurement(similarities, gains, cutoffs))
    return Sums(np.concatenate([part.columns for part in parts]), parts[0].formula)


def _unit(vectors: Float[np.ndarray, "texts hidden"]) -> Float[np.ndarray, "texts hidden"]:
    """Of length 1, as float64; 0 stays 0."""
    wide = np.asarray(vectors, dtype=np.float64)
    return ratio(wide, np.broadcast_to(np.linalg.norm(wide, axis=-1, keepdims=True), wide.shape))


def _discounted(gains: Float[np.ndarray, "queries k"]) -> Float[np.ndarray, " queries"]:
    return gains @ (1 / np.log2(np.arange(gains.shape[1]) + 2))


def _means(names: Sequence[str]) -> Callable[[np.ndarray], Figures]:
    def formula(sums: np.ndarray) -> Figures:
        return {name: mean(sums[:, i], sums[:, -1]) for i, name in enumerate(names)}

    return formula
