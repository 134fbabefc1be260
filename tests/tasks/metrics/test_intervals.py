"""The bootstrap: against its theory, against resampling by hand, and reproducible."""

import numpy as np
import pytest

from encodery.tasks.metrics import Confusion, Correlation, Sums, bootstrap, intervals
from encodery.tasks.metrics.intervals import interval, resamples
from encodery.tasks.metrics.measurement import Figures


def right_or_wrong(right: int, examples: int) -> Confusion:
    predicted = (np.arange(examples) < right).astype(np.int64)
    return Confusion(predicted, np.ones(examples, dtype=np.int64), 2)


def test_a_resample_has_as_many_examples() -> None:
    blocks = list(resamples(53, 101, seed=3))
    weights = np.concatenate(blocks)
    assert weights.shape == (101, 53)
    assert set(weights.sum(1)) == {53.0}
    assert weights.mean() == 1.0
    assert (weights == 0).mean() == pytest.approx(np.exp(-1), abs=0.02)  # an example is left out of 37 % of them


def test_many_examples_are_drawn_in_blocks() -> None:
    blocks = list(resamples(1_000_003, 3, seed=3))
    assert [block.shape for block in blocks] == [(1, 1_000_003)] * 3
    assert not np.array_equal(blocks[0], blocks[1])


def test_the_interval_of_an_accuracy_is_that_of_the_normal_approximation() -> None:
    examples, share = 1009, 800 / 1009
    low, high = intervals(right_or_wrong(800, examples), count=4001)["accuracy"]
    reach = 1.96 * np.sqrt(share * (1 - share) / examples)
    assert low == pytest.approx(share - reach, abs=0.003)
    assert high == pytest.approx(share + reach, abs=0.003)


def test_drawing_by_hand_gives_the_same_distribution() -> None:
    generator = np.random.default_rng(5)
    first = generator.normal(size=211)
    measured = Correlation(first, first + generator.normal(size=211))
    by_hand = []
    for _ in range(1009):
        rows = generator.integers(211, size=211)
        by_hand.append(np.corrcoef(measured.predicted[rows], measured.true[rows])[0, 1])
    assert intervals(measured, 1009)["pearson"] == pytest.approx(interval(np.array(by_hand)), abs=0.02)


def test_the_same_seed_draws_the_same_examples() -> None:
    first, again, other = (bootstrap(right_or_wrong(31, 53), 11, seed)["accuracy"] for seed in (3, 3, 5))
    assert first.tolist() == again.tolist() != other.tolist()


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    narrow, wide = (intervals(right_or_wrong(31, 53), confidence=share)["accuracy"] for share in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_what_is_undefined_in_some_resamples_is_left_out_of_them() -> None:
    def formula(sums: np.ndarray) -> Figures:
        return {"sometimes": np.where(sums[:, 0] > 0, 0.5, np.nan), "never": np.full(len(sums), np.nan)}

    assert intervals(Sums(np.array([[1.0], [0.0], [0.0]]), formula)) == {"sometimes": (0.5, 0.5)}


def test_of_no_examples_there_are_no_intervals() -> None:
    none = np.zeros(0)
    assert "mse" not in intervals(Correlation(none, none), 11)
    assert "accuracy" not in intervals(right_or_wrong(0, 0), 11)
