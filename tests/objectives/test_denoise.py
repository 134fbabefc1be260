"""Noise: what may change in a sentence, how often, and that it depends on nothing else."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.data.keyed_random import keyed_uint64
from encodery.errors import UserError
from encodery.objectives.denoise import NoiseConfig, noisy
from tests.objectives.vocabularies import MASK, vocabulary

VOCABULARY = vocabulary()  # every third token goes on with a word
NOTHING = {"word_shuffle": 0.0, "word_drop": 0.0, "word_blank": 0.0}


def told(sentences: list[list[int]], seed: int = 3, **changes: float) -> list[list[int]]:
    bounds = np.cumsum([0, *map(len, sentences)])
    ids = np.array([token for sentence in sentences for token in sentence], np.int64)
    streams = keyed_uint64(seed, np.arange(len(sentences)))
    config = NoiseConfig(**{**NOTHING, **changes})
    return [part.tolist() for part in noisy(ids, streams, bounds, config, VOCABULARY)]


def words(sentence: list[int]) -> list[tuple[int, ...]]:
    found: list[list[int]] = []
    for token in sentence:
        if found and VOCABULARY.continues_word[token]:
            found[-1].append(token)
        else:
            found.append([token])
    return [tuple(word) for word in found]


SENTENCES = [[7, 9, 10, 11, 12, 13], [8], [10, 20, 21, 22, 40, 41, 43, 44, 46, 47]]
LONG = [[7 + 3 * (place % 300) for place in range(3001)] for _ in range(3)]  # 7, 10, 13, ...: words of one token


def test_the_defaults_are_those_of_xlm() -> None:
    config = NoiseConfig()
    assert (config.word_shuffle, config.word_drop, config.word_blank) == (3.0, 0.1, 0.1)


def test_without_noise_a_sentence_stays() -> None:
    assert told(SENTENCES) == SENTENCES


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most", [1.0, 3.0])
def test_no_word_moves_further_than_it_may(seed: int, most: float) -> None:
    sentence = [*range(5, 5 + 3 * 61)]
    sentence = [token for token in sentence if not VOCABULARY.continues_word[token]]
    (shuffled,) = told([sentence], seed, word_shuffle=most)
    moved = np.abs(np.array([shuffled.index(token) for token in sentence]) - np.arange(len(sentence)))
    assert sorted(shuffled) == sorted(sentence)
    assert 0 < moved.max() <= most


def test_words_stay_whole() -> None:
    for seed in range(20):
        for before, after in zip(SENTENCES, told(SENTENCES, seed, word_shuffle=5.0, word_drop=0.3), strict=True):
            assert not Counter(words(after)) - Counter(words(before))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_as_many_words_are_dropped_and_blanked_as_asked_for(share: float) -> None:
    dropped, blanked = told(LONG, word_drop=share), told(LONG, word_blank=share)
    assert np.mean([1 - len(sentence) / 3001 for sentence in dropped]) == pytest.approx(share, abs=0.02)
    assert np.mean([sentence.count(MASK) / 3001 for sentence in blanked]) == pytest.approx(share, abs=0.02)
    assert all(len(sentence) == 3001 for sentence in blanked)


def test_a_blanked_word_is_blanked_whole() -> None:
    (sentence,) = told([[7, 9, 12, 8]], seed=0, word_blank=0.999)
    assert sentence == [MASK] * 4


def test_something_of_every_sentence_stays() -> None:
    for seed in range(20):
        assert all(told(SENTENCES, seed, word_drop=0.99))


@given(st.lists(st.lists(st.integers(5, 90), min_size=1, max_size=13), min_size=2, max_size=7), st.integers(0, 99))
def test_neighbours_do_not_matter(sentences: list[list[int]], seed: int) -> None:
    noise = {"word_shuffle": 3.0, "word_drop": 0.3, "word_blank": 0.2}
    whole = told(sentences, seed, **noise)
    assert told(sentences[:1], seed, **noise) == whole[:1]
    for before, after in zip(sentences, whole, strict=True):
        assert after
        assert {*after} <= {*before, MASK}


def test_words_that_are_closed_by_a_mark_are_known() -> None:
    ends = np.zeros(VOCABULARY.vocab_size, bool)
    ends[[11, 14]] = True
    marked = vocabulary()
    object.__setattr__(marked, "continues_word", np.ones(marked.vocab_size, bool))
    object.__setattr__(marked, "ends_word", ends)
    bounds = np.array([0, 6])
    pairs = {(10, 11), (13, 14), (16, 17)}
    for seed in range(30):
        streams = keyed_uint64(seed, np.arange(1))
        (after,) = noisy(np.array([10, 11, 13, 14, 16, 17]), streams, bounds, NoiseConfig(word_blank=0.0), marked)
        assert {*map(tuple, after.reshape(-1, 2).tolist())} <= pairs


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"word_drop": 1.0}, "less than 1"),
        ({"word_shuffle": -1.0}, "greater than or equal to 0"),
        ({"drop": 0.1}, "drop"),
    ],
)
def test_what_is_no_noise_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        NoiseConfig.parse(values, "noise")
