"""Ranked documents: by hand, with ties, and against scikit-learn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.tasks.metrics import retrieval_measurement, scores


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
