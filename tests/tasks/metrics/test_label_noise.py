"""Confident disagreement: worked by hand, and planted in data."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encodery.tasks.metrics import Suspect, label_suspects


def test_by_hand() -> None:
    """Mean self-confidence: class 0 (0.9 + 0.7 + 0.2) / 3 = 0.6, class 1 (0.6 + 0.5 + 0.4) / 3 = 0.5."""
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5], [0.6, 0.4]])
    stated = np.array([0, 0, 0, 1, 1, 1])
    found = label_suspects(probabilities, stated)
    assert [(s.row, s.suggested) for s in found] == [(2, 1), (5, 0)]
    assert np.allclose([s.margin for s in found], [0.6, 0.2])


def test_a_class_of_which_the_model_is_never_sure_is_believed_sooner() -> None:
    """0.45 is much for class 1, whose own examples get 0.4, and 0.55 little for class 0, whose own get 0.9."""
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.6, 0.4], [0.6, 0.4]])
    found = label_suspects(probabilities, np.array([0, 0, 0, 1, 1]))
    assert [(s.row, s.suggested) for s in found] == [(2, 1)]
    assert found[0].margin < 0  # less probable than the stated class, and suspect all the same


def test_a_class_that_nobody_states_is_never_suggested() -> None:
    probabilities = np.array([[0.1, 0.0, 0.9], [0.2, 0.1, 0.7]])
    assert label_suspects(probabilities, np.array([0, 0])) == []


def test_no_examples() -> None:
    assert label_suspects(np.zeros((0, 3)), np.zeros(0, np.int64)) == []


def test_planted_labels_are_found_first() -> None:
    generator = np.random.default_rng(3)
    true = generator.integers(3, size=997)
    logits = generator.normal(0.0, 1.0, (997, 3)) + 5.0 * np.eye(3)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    stated = true.copy()
    planted = generator.choice(997, 41, replace=False)
    stated[planted] = (true[planted] + 1) % 3
    found = label_suspects(probabilities, stated)
    first = {s.row for s in found[:41]}
    assert len(first & {*planted.tolist()}) >= 35
    assert all(s.suggested == true[s.row] for s in found[:30])


@given(st.integers(0, 29), st.integers(1, 5), st.integers(0, 1000))
def test_suspects_are_in_order_and_never_agree(examples: int, classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(classes), examples).reshape(-1, classes)
    stated = generator.integers(classes, size=examples)
    found = label_suspects(probabilities, stated)
    assert [s.margin for s in found] == sorted((s.margin for s in found), reverse=True)
    assert all(s.suggested != stated[s.row] for s in found)
    assert len({s.row for s in found}) == len(found)
    assert all(isinstance(s, Suspect) for s in found)
