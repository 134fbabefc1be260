"""Ranked documents: by hand, with ties, and against scikit-learn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import pair_retrieval, retrieval_measurement, scores

PAIRS = [("a", "x"), ("b", "y"), ("a", "z"), ("c", "x"), ("d", "w")]


def brute_force(first: np.ndarray, second: np.ndarray, texts: list[tuple[str, str]]) -> dict[str, float]:
    """One query after the other, over the distinct second texts."""
    vectors = {text: second[place] for place, (_, text) in enumerate(texts)}
    ranks = []
    for vector, (query, _) in zip(first, texts, strict=True):
        cosines = {t: v @ vector / np.linalg.norm(v) / np.linalg.norm(vector) for t, v in vectors.items()}
        good = {text for other, text in texts if other == query}
        ranked = sorted(cosines, key=lambda text: -cosines[text])
        ranks.append(([place + 1 for place, text in enumerate(ranked) if text in good], len(good)))
    return {
        "mrr": float(np.mean([1 / found[0] for found, _ in ranks])),
        "recall@1": float(np.mean([sum(rank <= 1 for rank in found) / count for found, count in ranks])),
        "recall@10": float(np.mean([sum(rank <= 10 for rank in found) / count for found, count in ranks])),
        "ndcg@10": float(
            np.mean(
                [
                    sum(1 / np.log2(rank + 1) for rank in found if rank <= 10)
                    / sum(1 / np.log2(rank + 1) for rank in range(1, count + 1))
                    for found, count in ranks
                ]
            )
        ),
    }


@pytest.mark.parametrize("size", [5, 263, 521])
def test_pairs_find_each_other_as_one_by_one(size: int) -> None:
    """More than are looked at at once, with texts that are there twice."""
    random = np.random.default_rng(size)
    texts = PAIRS + [(f"q{i % 211}", f"d{i % 401}") for i in range(size - 5)]
    known: dict[str, np.ndarray] = {}
    first, second = (
        np.stack([known.setdefault(pair[side], random.normal(size=7)) for pair in texts]).astype(np.float32)
        for side in (0, 1)
    )
    found = scores(pair_retrieval(first, second, texts))
    for name, value in brute_force(first, second, texts).items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_pairs_that_all_look_alike_gain_nothing() -> None:
    same = np.ones((5, 3), np.float32)
    found = scores(pair_retrieval(same, same, PAIRS))
    assert found["recall@1"] == 0.0
    assert found["mrr"] < 0.4


def test_by_hand() -> None:
    similarities = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]])
    gains = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    figures = scores(retrieval_measurement(similarities, gains, (1, 2)))
    best = 2 + 1 / np.log2(3)
    assert figures == {
        "mrr": pytest.approx((1 + 1 / 2 + 0) / 3),
        "ndcg@1": pytest.approx(1 / 3),
        "recall@1": pytest.approx(1 / 3),
        "ndcg@2": pytest.approx((1 + 2 / np.log2(3) / best) / 3),
        "recall@2": pytest.approx((1 + 1 / 2) / 3),
    }


def test_a_model_that_finds_all_alike_gains_nothing() -> None:
    figures = scores(retrieval_measurement(np.ones((5, 5)), np.eye(5), (1,)))
    assert figures == {"mrr": pytest.approx(1 / 5), "ndcg@1": 0.0, "recall@1": 0.0}


def test_a_cutoff_beyond_the_documents_takes_all() -> None:
    figures = scores(retrieval_measurement(np.array([[0.1, 0.2]]), np.array([[1.0, 0.0]]), (10,)))
    assert figures["recall@10"] == 1.0


ROWS = st.integers(2, 11).flatmap(
    lambda size: st.lists(
        st.tuples(st.permutations(range(size)), st.lists(st.integers(0, 3), min_size=size, max_size=size)),
        min_size=1,
        max_size=7,
    )
)


@settings(max_examples=101)
@given(ROWS, st.integers(1, 7))
def test_figures_equal_those_of_scikit_learn(rows: list[tuple[list[int], list[int]]], cutoff: int) -> None:
    sklearn: Any = pytest.importorskip("sklearn.metrics")
    similarities, gains = (np.array(side, dtype=np.float64) for side in zip(*rows, strict=True))
    figures = scores(retrieval_measurement(similarities, gains, (cutoff,)))
    assert figures[f"ndcg@{cutoff}"] == pytest.approx(sklearn.ndcg_score(gains, similarities, k=cutoff))
    first = [max((s for s, gain in zip(*row, strict=True) if gain), default=None) for row in rows]
    size = similarities.shape[1]
    assert figures["mrr"] == pytest.approx(np.mean([0 if best is None else 1 / (size - best) for best in first]))
