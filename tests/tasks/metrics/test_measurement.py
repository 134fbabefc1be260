"""The one shape: weights in, figures out."""

import numpy as np

from encodery.tasks.metrics import Measurement, Sums, scores
from encodery.tasks.metrics.measurement import Figures
from encodery.tasks.metrics.ratios import harmonic, mean, ratio


def means(sums: np.ndarray) -> Figures:
    return {"mean": mean(sums[:, 0], sums[:, 1])}


def measured(values: list[float]) -> Sums:
    return Sums(np.stack([np.array(values), np.ones(len(values))], axis=1), means)


def test_sums_by_hand() -> None:
    sums = measured([1.0, 2.0, 6.0])
    assert isinstance(sums, Measurement)
    assert len(sums) == 3
    assert scores(sums) == {"mean": 3.0}
    assert scores(sums.take(np.array([2, 2, 0]))) == {"mean": 13 / 3}
    assert scores(sums.join(measured([7.0]))) == {"mean": 4.0}
    weights = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert sums.figures(weights)["mean"][0] == 3.5
    assert np.isnan(sums.figures(weights)["mean"][1])


def test_what_is_undefined_is_no_score() -> None:
    assert scores(measured([])) == {}


def test_ratios_by_hand() -> None:
    part, whole = np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 4.0])
    assert ratio(part, whole).tolist() == [0.5, 0.0, 0.75]
    assert ratio(part, whole, 1.0).tolist() == [0.5, 1.0, 0.75]
    assert np.isnan(mean(part, whole)[1])
    assert harmonic(np.array([0.5, 0.0]), np.array([1.0, 0.0])).tolist() == [2 / 3, 0.0]
