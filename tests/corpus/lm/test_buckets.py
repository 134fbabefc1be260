"""Head, middle and tail."""

import numpy as np
import pytest

from encodery.corpus.lm.buckets import Cutoffs, measured_cutoffs


@pytest.mark.parametrize(
    ("perplexity", "bucket"),
    [(1.0, "head"), (9.9, "head"), (10.0, "middle"), (19.9, "middle"), (20.0, "tail"), (1e9, "tail"), (None, "all")],
)
def test_buckets(perplexity: float | None, bucket: str) -> None:
    assert Cutoffs(10.0, 20.0).bucket(perplexity) == bucket


def test_without_cutoffs_all_is_one() -> None:
    assert Cutoffs().bucket(3.0) == "all"


def test_cutoffs_are_percentiles_whatever_the_order() -> None:
    perplexities = np.arange(1, 102, dtype=np.float32)
    np.random.default_rng(3).shuffle(perplexities)
    cutoffs = measured_cutoffs(perplexities, (30.0, 60.0))
    assert cutoffs == Cutoffs(31.0, 61.0)
    buckets = [cutoffs.bucket(value) for value in perplexities.tolist()]
    assert [buckets.count(name) for name in ("head", "middle", "tail")] == [30, 30, 41]


def test_one_document_and_none() -> None:
    assert measured_cutoffs(np.array([7.0]), (30.0, 60.0)) == Cutoffs(7.0, 7.0)
    assert measured_cutoffs(np.array([], np.float32), (30.0, 60.0)) == Cutoffs()
