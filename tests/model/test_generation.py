"""Translations of packed sources: a plain search over the whole decoder finds the same."""

from itertools import combinations
from typing import Any

import pytest
import torch

from encodery.batch import Sequence, pack
from encodery.model.generation import generate, step_limits
from encodery.model.search import GenerationConfig, Hypothesis, Targets
from encodery.model.translator import HEAD, Translator
from tests.model.pairs import AXES, SIZES, make_pairs, make_translator, small
from tests.model.slow_search import Found, NextLogProbs, beam_search, greedy_search

START, END = 4, 5
CONFIGS = {
    "greedy": GenerationConfig(max_length_a=0.3, max_length_b=3),
    "beam": GenerationConfig(num_beams=3, num_return_sequences=3, max_length_a=0.3, max_length_b=3),
    "early": GenerationConfig(num_beams=2, early_stopping=True, length_penalty=0.5, max_length_b=2, max_length_a=0.2),
}


def sources(sizes: tuple[tuple[int, int], ...] = SIZES, **changes: Any) -> list[Sequence]:
    found = [pair.source for pair in make_pairs(small(**changes), sizes)]
    return [source for source in found if source is not None]


def whole(translator: Translator, source: Sequence, language: int | None) -> NextLogProbs:
    """By the whole decoder, from the beginning each time."""

    def next_log_probs(tokens: Any) -> list[float]:
        ids = [START, *tokens]
        spoken = None if language is None else [language] * len(ids)
        logits = translator.logits(HEAD, pack([Sequence(ids, language_ids=spoken, source=source)]))
        return logits[-1].double().log_softmax(0).tolist()

    return next_log_probs


def assert_same(found: list[Hypothesis], expected: list[Found]) -> None:
    assert [((*one.token_ids, END) if one.ended else one.token_ids) for one in found] == [e.tokens for e in expected]
    assert [one.score for one in found] == pytest.approx([one.score for one in expected], abs=1e-4)


@pytest.mark.parametrize("changes", AXES.values(), ids=AXES)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@torch.no_grad()
def test_translations_are_those_of_a_plain_search(config: GenerationConfig, changes: dict[str, Any]) -> None:
    some = ((1, 3), (1, 9), (1, 1))
    given, translator = sources(some, **changes), make_translator(small(**changes))
    speaks = translator.decoder_config.has_language_embeddings
    languages = torch.tensor([3, 0, 4]) if speaks else None
    targets = Targets(START, END, (0, 1, 2), languages)
    found = generate(translator, pack(given), targets, config)
    slow = greedy_search if config.num_beams == 1 else beam_search
    limits = [int(len(source.input_ids) * config.max_length_a + config.max_length_b) for source in given]
    for place, source in enumerate(given):
        language = None if languages is None else int(languages[place])
        expected = slow(whole(translator, source, language), END, limits[place], config, (0, 1, 2))
        assert_same(found[place], expected)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_neither_order_nor_batch_mates_matter(config: GenerationConfig) -> None:
    given, translator = sources(), make_translator()
    targets = Targets(START, END)
    together = generate(translator, pack(given), targets, config)
    backwards = generate(translator, pack(given[::-1]), targets, config)[::-1]
    alone = [generate(translator, pack([source]), targets, config)[0] for source in given]
    for others in (backwards, alone):
        for ours, theirs in zip(together, others, strict=True):
            assert [one.token_ids for one in ours] == [one.token_ids for one in theirs]
            assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], abs=1e-5)


def test_languages_are_read_by_the_decoder() -> None:
    changes = AXES["xlm"]
    given, translator = sources(**changes), make_translator(small(**changes))
    said = [
        [best[0].score for best in generate(translator, pack(given), Targets(START, END, (), languages))]
        for languages in (torch.full((len(given),), 1), torch.full((len(given),), 2), None)
    ]
    for one, other in combinations(said, 2):
        assert all(abs(a - b) > 1e-4 for a, b in zip(one, other, strict=True))


def test_a_model_in_training_translates_as_in_evaluation_and_trains_on() -> None:
    given, translator = sources(), make_translator()
    expected = generate(translator, pack(given), Targets(START, END))
    translator.train()
    assert generate(translator, pack(given), Targets(START, END)) == expected
    assert translator.training
    assert translator.decoder.training


def test_lengths_follow_from_the_source_and_end_with_the_positions() -> None:
    batch = pack(sources())
    assert [size for _, size in SIZES] == [3, 7, 1, 19, 2, 29]
    limits = step_limits(batch, GenerationConfig(), 47)
    assert limits.tolist() == [14, 20, 11, 38, 13, 47]
    assert step_limits(batch, GenerationConfig(max_length_a=0.0, max_length_b=0), 47).tolist() == [1] * 6
    translator = make_translator()
    config = GenerationConfig(max_length_a=0.0, max_length_b=99)
    found = generate(translator, pack(sources()[:2]), Targets(START, 0, (0,)), config)
    assert [len(best[0].token_ids) for best in found] == [47, 47]


def test_bfloat16_translates() -> None:
    translator = make_translator()
    with torch.autocast("cpu", torch.bfloat16):
        found = generate(translator, pack(sources()), Targets(START, END), CONFIGS["beam"])
    assert all(best for best in found)


@torch.no_grad()
def test_a_model_made_by_hand_says_what_it_must() -> None:
    """The logits behind `x` favour `x + 1`, and the end behind 12."""
    translator = make_translator()
    for parameter in translator.parameters():
        parameter.zero_()
    for module in translator.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.fill_(1.0)
    words = translator.decoder.embeddings.word.weight
    words.copy_(torch.eye(101, 42))
    words[END] = words[13]
    translator.head.dense.weight.copy_(torch.roll(torch.eye(42), 1, 0) * 9)
    translator.head.decoder.bias[13] = -99.0
    for config in (GenerationConfig(), GenerationConfig(num_beams=4)):
        found = generate(translator, pack(sources()[:2]), Targets(7, END), config)
        assert [best[0].token_ids for best in found] == [(8, 9, 10, 11, 12)] * 2
        assert all(best[0].ended for best in found)
