"""Parts of the examples."""

import numpy as np
import pytest

from encodery.tasks.metrics import Confusion, Correlation, length_slices, slice_scores


def test_each_part_has_its_scores() -> None:
    measured = Confusion(np.array([1, 0, 1, 1]), np.ones(4, dtype=np.int64), 2)
    parts = slice_scores(measured, ["sw", "de", "sw", "de"], count=101)
    assert list(parts) == ["sw", "de"]
    assert (parts["sw"]["examples"], parts["sw"]["accuracy"]) == (2, 1.0)
    assert (parts["de"]["examples"], parts["de"]["accuracy"]) == (2, 0.5)
    assert parts["sw"]["intervals"]["accuracy"] == (1.0, 1.0)
    assert parts["de"]["intervals"]["accuracy"] == (0.0, 1.0)


def test_intervals_can_be_left_out() -> None:
    measured = Correlation(np.array([1.0, 2.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    parts = slice_scores(measured, ["a", "a", None], count=0)
    assert parts["a"] == {"examples": 2, "pearson": pytest.approx(1.0), "spearman": pytest.approx(1.0), "mse": 0.0}
    assert parts[None]["mse"] == 4.0


@pytest.mark.parametrize("keys", [["a"], ["a", "b", "c"]])
def test_there_is_one_key_for_each_example(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="zip"):
        slice_scores(Confusion(np.array([0, 1]), np.array([0, 1]), 2), keys)


def test_lengths_by_hand() -> None:
    assert length_slices([0, 5, 6, 11, 12, 99], edges=(5, 11)) == ["0–5", "0–5", "6–11", "6–11", "12–", "12–"]
    assert length_slices([513]) == ["513–"]
