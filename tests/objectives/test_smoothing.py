"""Rates by frequency, solved for, against the formula; and the choice that follows them."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from encodery.objectives.masked import MaskedConfig, MaskedLM
from encodery.objectives.smoothing import Smoothing
from tests.data.synthetic import NUM_SPECIAL, stored
from tests.objectives.texts import one_step, streams_of, whole_text
from tests.objectives.vocabularies import UNK, vocabulary

COUNTS = np.array([0, 40, 0, 0, 0, 1000, 300, 300, 100, 10, 1, 1, 0])
IS_SPECIAL = np.arange(len(COUNTS)) < NUM_SPECIAL


@pytest.mark.parametrize("rate", [0.01, 0.15, 0.6, 0.95, 1.0])
@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_the_mean_is_the_rate_and_the_proportions_are_those_of_the_frequencies(rate: float, alpha: float) -> None:
    smoothing = Smoothing(COUNTS, IS_SPECIAL, alpha)
    chances = np.minimum(1, smoothing.factors(np.asarray(rate)) * smoothing.weights)
    regular = np.where(IS_SPECIAL, 0, COUNTS)
    assert (chances * regular).sum() / regular.sum() == pytest.approx(rate)
    below = np.flatnonzero((chances < 1) & (regular > 0))
    np.testing.assert_allclose(chances[below] / chances[5], (regular[below] / 1000.0) ** -alpha)
    assert (chances[IS_SPECIAL] == 0).all()
    assert chances[-1] == chances[-2]  # what does not occur counts as if it did once


def test_rates_of_several_steps_are_those_of_each() -> None:
    smoothing, several = Smoothing(COUNTS, IS_SPECIAL, 0.5), np.array([0.1, 0.4, 0.2])
    assert smoothing.factors(several).tolist() == [float(smoothing.factors(np.asarray(rate))) for rate in several]


def test_tokens_are_hidden_in_that_proportion(tmp_path: Path) -> None:
    """120,000 tokens of 30 kinds, whose frequencies fall as 1/k."""
    random = np.random.default_rng(3)
    shares = 1 / np.arange(1, 31)
    ids = NUM_SPECIAL + random.choice(30, (4000, 31), p=shares / shares.sum())
    ids[random.random(ids.shape) < 0.02] = UNK
    shards = stored(tmp_path / "shards", [list(ids)], 1009)
    text = whole_text(shards, 59)
    counts = shards.token_counts
    config = MaskedConfig(sample_alpha=0.5, mask_probability=0.15)
    one = MaskedLM(config, vocabulary(), token_counts=counts)
    masked = one.corrupt(text, streams_of(text), one_step(text))
    smoothing = Smoothing(counts, vocabulary().is_special(), 0.5)
    chances = np.minimum(1, smoothing.factors(np.asarray(0.15)) * smoothing.weights)
    there = np.bincount(text.text_ids, minlength=1009)
    hidden = np.bincount(masked.labels, minlength=1009)
    regular = np.arange(NUM_SPECIAL, NUM_SPECIAL + 30)
    deviation = np.sqrt(there * chances * (1 - chances))
    assert (np.abs(hidden - there * chances)[regular] < 5 * deviation[regular]).all()
    assert hidden[UNK] == 0
    total = there[regular].sum()
    assert total > 100_000
    assert abs(hidden.sum() - 0.15 * total) < 5 * np.sqrt(0.15 * 0.85 * total)


@pytest.mark.parametrize("rate", [0.01, 0.15, 1.0])
def test_the_entropy_is_that_of_the_tokens_that_are_hidden(rate: float) -> None:
    hidden: Counter[int] = Counter()
    smoothing = Smoothing(COUNTS, IS_SPECIAL, 0.5)
    factor = float(smoothing.factors(np.asarray(rate)))
    for index, count in enumerate(COUNTS.tolist()):
        if index >= NUM_SPECIAL and count:
            hidden[index] = count * min(1.0, factor * count**-0.5)
    total = sum(hidden.values())
    expected = -sum(count / total * math.log(count / total) for count in hidden.values())
    assert smoothing.entropy(rate) == pytest.approx(expected)


def test_what_is_hidden_is_harder_to_guess_than_the_text_unless_all_is_hidden() -> None:
    regular = COUNTS[~IS_SPECIAL & (COUNTS > 0)] / COUNTS[~IS_SPECIAL].sum()
    of_the_text = -(regular * np.log(regular)).sum()
    smoothing = Smoothing(COUNTS, IS_SPECIAL, 0.5)
    assert smoothing.entropy(0.15) > smoothing.entropy(0.5) > of_the_text
    assert smoothing.entropy(1.0) == pytest.approx(of_the_text)
