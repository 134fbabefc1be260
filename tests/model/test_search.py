"""Search over tables of logits: what a plain re-implementation finds, and all there is to find."""

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.model.search import GenerationConfig, Hypothesis, Targets, search
from tests.model.slow_search import (
    Found,
    TableSteps,
    beam_search,
    every_translation,
    greedy_search,
    log_probs_of,
    table,
)

START, END = 0, 1
SENTENCES = 5


def found_by(
    config: GenerationConfig, words: int, limits: list[int], seed: int, ends: float = 0.0, never: tuple[int, ...] = ()
) -> tuple[list[list[Hypothesis]], TableSteps]:
    steps = TableSteps(table(words, END, seed, ends), len(limits), config.num_beams)
    return search(steps, Targets(START, END, never), torch.tensor(limits), config), steps


def assert_same(found: list[Hypothesis], expected: list[Found]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        tokens = (*ours.token_ids, END) if ours.ended else ours.token_ids
        assert tokens == theirs.tokens
        assert ours.score == pytest.approx(theirs.score, abs=1e-5)


@pytest.mark.parametrize("ends", [-1.0, 1.0, 3.0])
@pytest.mark.parametrize(
    ("beams", "early", "penalty"),
    [(1, False, 1.0), *product([2, 5], [True, False, "never"], [0.0, 0.6, 1.0, -0.5])],
)
def test_search_is_that_of_a_plain_reimplementation(beams: int, early: Any, penalty: float, ends: float) -> None:
    config = GenerationConfig(
        num_beams=beams, num_return_sequences=beams, early_stopping=early, length_penalty=penalty
    )
    limits = [7, 1, 11, 3, 5]
    found, _ = found_by(config, 13, limits, seed=3, ends=ends)
    slow = greedy_search if beams == 1 else beam_search
    for sentence, limit in enumerate(limits):
        next_log_probs = log_probs_of(table(13, END, 3, ends), sentence)
        assert_same(found[sentence], slow(next_log_probs, END, limit, config))


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_as_wide_as_everything_finds_the_best_there_are(penalty: float) -> None:
    words, limit, beams = 4, 4, 3**4
    config = GenerationConfig(num_beams=beams, num_return_sequences=7, early_stopping="never", length_penalty=penalty)
    found, _ = found_by(config, words, [limit] * 3, seed=5)
    for sentence in range(3):
        every = every_translation(log_probs_of(table(words, END, 5), sentence), words, END, limit, penalty)
        assert_same(found[sentence], every[:7])


@given(st.integers(0, 1000), st.integers(2, 4), st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_what_is_found_of_a_sentence_does_not_depend_on_the_others(seed: int, beams: int, limits: list[int]) -> None:
    config = GenerationConfig(num_beams=beams, num_return_sequences=beams)
    together, _ = found_by(config, 11, limits, seed, ends=1.5)
    logits = table(11, END, seed, 1.5)
    for sentence, limit in enumerate(limits):
        alone = TableSteps(lambda _, tokens, sentence=sentence: logits(sentence, tokens), 1, beams)  # type: ignore[misc]
        assert search(alone, Targets(START, END), torch.tensor([limit]), config) == [together[sentence]]


def test_sentences_that_are_done_leave() -> None:
    _, steps = found_by(GenerationConfig(num_beams=3), 7, [2, 9, 2, 5], seed=1, ends=-99.0)
    assert steps.calls == [12, 12, 6, 6, 6, 3, 3, 3, 3]


def test_tokens_that_are_never_wanted_never_come() -> None:
    config = GenerationConfig(num_beams=3, num_return_sequences=3)
    plain, _ = found_by(config, 5, [6] * SENTENCES, seed=2)
    never = (0, 3)
    found, _ = found_by(config, 5, [6] * SENTENCES, seed=2, never=never)
    assert any(set(never) & set(one.token_ids) for best in plain for one in best)
    for sentence, best in enumerate(found):
        assert not any(set(never) & set(one.token_ids) for one in best)
        next_log_probs = log_probs_of(table(5, END, 2), sentence)
        assert_same(best, beam_search(next_log_probs, END, 6, config, never))


def test_what_does_not_end_is_cut_off_and_says_so() -> None:
    (only,), _ = found_by(GenerationConfig(), 7, [3], seed=1, ends=-99.0)
    assert (len(only[0].token_ids), only[0].ended) == (3, False)
    (only,), _ = found_by(GenerationConfig(), 7, [3], seed=1, ends=99.0)
    assert (only[0].token_ids, only[0].ended) == ((), True)
    assert only[0].score == pytest.approx(0.0, abs=1e-6)


def test_fewer_translations_than_beams_are_no_translations_of_nothing() -> None:
    """Of two words one ends: with one step there are two translations, whatever the beam."""
    (only,), _ = found_by(GenerationConfig(num_beams=5, num_return_sequences=5), 2, [1], seed=4)
    assert {one.token_ids for one in only} == {(0,), ()}


def test_more_translations_than_beams_cannot_be_given() -> None:
    with pytest.raises(UserError) as error:
        GenerationConfig.parse({"num_beams": 2, "num_return_sequences": 3}, "generation")
    assert str(error.value) == (
        "generation: num_return_sequences = 3 is more than num_beams = 2; raise the one or lower the other"
    )
