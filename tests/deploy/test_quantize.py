"""Which products stay as they were: as few as are needed, those that hurt most for what they cost first."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pytest

from encodery.deploy.quantize import (
    CALIBRATION_CALLS,
    JUDGED_CALLS,
    choose_kept,
    cosines,
    mean_cosine,
    rows_of_texts,
    split_calls,
)

ROWS, WIDTH = 101, 31
TRUE = np.random.default_rng(7).standard_normal((ROWS, WIDTH)).astype(np.float32)


class Noisy:
    """Each product in int8 adds noise of its own."""

    def __init__(self, noise: Mapping[str, float], costs: Mapping[str, float] | None = None) -> None:
        self.noise = noise
        self.costs = costs or dict.fromkeys(noise, 1.0)
        self.tried: list[frozenset[str]] = []

    def hidden(self, kept: Collection[str]) -> np.ndarray:
        self.tried.append(frozenset(kept))
        hidden = TRUE.copy()
        for number, (name, size) in enumerate(self.noise.items()):
            if name not in kept:
                drawn = np.random.default_rng(number).standard_normal(TRUE.shape)
                hidden += (size * drawn).astype(np.float32)
        return hidden

    def save(self, folder: Path, kept: Collection[str]) -> None:
        raise AssertionError("nothing is written while it is chosen")


def test_nothing_is_kept_where_nothing_hurts() -> None:
    quantised = Noisy({"a": 0.001, "b": 0.002})
    choice = choose_kept(quantised, TRUE)
    assert (choice.kept, choice.harm, choice.share) == ((), {}, 0.0)
    assert quantised.tried == [frozenset()]
    assert choice.cosine > 0.99999


def test_what_hurts_is_kept_and_no_more() -> None:
    noise = {"small": 0.01, "loud": 0.1, "middle": 0.02, "louder": 0.2}
    told: list[str] = []
    choice = choose_kept(Noisy(noise), TRUE, 0.999, tell=told.append)
    assert choice.kept == ("louder", "loud")
    assert choice.cosine >= 0.999
    assert choice.share == 0.5
    assert sorted(choice.harm, key=choice.harm.__getitem__) == ["small", "middle", "loud", "louder"]
    (line,) = told
    assert line.endswith("is below 0.999: looking for the products that hurt, 4 to try")


def test_a_cheap_product_goes_before_a_dear_one_that_hurts_a_little_more() -> None:
    noise, costs = {"dear": 0.06, "cheap": 0.05}, {"dear": 100.0, "cheap": 1.0}
    assert mean_cosine(TRUE, Noisy({"dear": 0.06}).hidden(())) < 0.999
    choice = choose_kept(Noisy(noise, costs), TRUE, bound=0.9975)
    assert choice.kept == ("cheap",)
    assert choice.share == pytest.approx(1 / 101)


def test_all_are_kept_where_no_part_is_enough() -> None:
    choice = choose_kept(Noisy({"a": 0.2, "b": 0.2, "c": 0.2}), TRUE, bound=0.99999)
    assert {*choice.kept} == {"a", "b", "c"}
    assert choice.cosine == pytest.approx(1.0)


def test_harm_that_is_known_is_not_measured_again() -> None:
    quantised = Noisy({"a": 0.1, "b": 0.01, "c": 0.2})
    known = choose_kept(quantised, TRUE, 0.99).harm
    quantised.tried.clear()
    closer = choose_kept(quantised, TRUE, 0.9999, known)
    assert closer.kept[:2] == ("c", "a")
    assert frozenset({"a", "b"}) not in quantised.tried
    assert closer.harm == known


def test_rows_of_nothing_do_not_count() -> None:
    padded = np.concatenate([TRUE, np.zeros((3, WIDTH), np.float32)])
    assert cosines(padded, padded).shape == (ROWS,)
    np.testing.assert_allclose(cosines(TRUE, -2 * TRUE), -1.0)


def test_what_is_not_finite_is_below_any_bound() -> None:
    broken = TRUE.copy()
    broken[5, 7] = np.nan
    assert mean_cosine(TRUE, broken) == -1.0


def test_padding_is_no_text() -> None:
    padded = {"sequence_ids": np.array([0, 0, 1, -1, -1])}
    assert rows_of_texts(padded, 5).tolist() == [True, True, True, False, False]  # type: ignore[union-attr]
    assert rows_of_texts(padded | {"rows": np.array([0, 2])}, 2) == slice(0, 2)


@pytest.mark.parametrize("count", [1, 3, 7, 53, 211])
def test_calls_calibrate_or_judge_but_not_both(count: int) -> None:
    calls = [{"embedded": np.full((1, 1), number, np.float32)} for number in range(count)]
    calibration, judged = split_calls(calls)
    numbers = [{int(call["embedded"][0, 0]) for call in part} for part in (calibration, judged)]
    if count < 4:  # too few for both
        assert numbers[0] == numbers[1] == {*range(count)}
        return
    assert not numbers[0] & numbers[1]
    assert len(judged) == min(JUDGED_CALLS, count // 4)
    assert len(calibration) == min(CALIBRATION_CALLS, count - len(judged))
