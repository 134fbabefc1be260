"""Head, middle and tail."""

import numpy as np
import pytest

from encodery.corpus.lm import buckets
from encodery.corpus.lm.buckets import Cutoffs, Perplexities


@pytest.mark.parametrize(
    ("perplexity", "bucket"),
    [(1.0, "head"), (9.9, "head"), (10.0, "middle"), (19.9, "middle"), (20.0, "tail"), (1e9, "tail"), (None, "all")],
)
def test_buckets(perplexity: float | None, bucket: str) -> None:
    assert Cutoffs(10.0, 20.0).bucket(perplexity) == bucket


def test_without_cutoffs_all_is_one() -> None:
    assert Cutoffs().bucket(3.0) == "all"


def seen(*parts: np.ndarray) -> Perplexities:
    found = Perplexities()
    for part in parts:
        found.add(part)
    return found


def test_cutoffs_are_percentiles_whatever_the_order() -> None:
    perplexities = np.arange(1.0, 102.0)
    np.random.default_rng(3).shuffle(perplexities)
    cutoffs = seen(perplexities).cutoffs((30.0, 60.0))
    assert cutoffs == Cutoffs(31.0, 61.0)
    buckets = [cutoffs.bucket(value) for value in perplexities.tolist()]
    assert [buckets.count(name) for name in ("head", "middle", "tail")] == [30, 30, 41]


def test_one_document_and_none() -> None:
    assert seen(np.array([7.0])).cutoffs((30.0, 60.0)) == Cutoffs(7.0, 7.0)
    assert seen(np.array([])).cutoffs((30.0, 60.0)) == Cutoffs()
    assert Perplexities().cutoffs((30.0, 60.0)) == Cutoffs()


@pytest.mark.parametrize("percentiles", [(30.0, 60.0), (0.0, 100.0), (12.5, 99.9)])
def test_they_are_those_of_numpy_and_only_what_differs_is_held(
    monkeypatch: pytest.MonkeyPatch, percentiles: tuple[float, float]
) -> None:
    monkeypatch.setattr(buckets, "AT_ONCE", 101)
    parts = [np.random.default_rng(part).lognormal(2, 1, 97).round(1) for part in range(31)]
    found = seen(*parts)
    assert len(found._values) < 31 * 97 / 3, "equal ones are counted"
    cutoffs = found.cutoffs(percentiles)
    assert [cutoffs.head, cutoffs.middle] == pytest.approx(
        np.percentile(np.concatenate(parts), percentiles), rel=1e-12
    )
