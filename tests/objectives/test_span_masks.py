"""Spans of whole words: their lengths, where they stop, and how much they hide."""

import numpy as np
import pytest

from encodery.data.keyed_random import keyed_uint64
from encodery.data.layout import PackedText, lay_out
from encodery.data.shards import Shards
from encodery.data.spans import Segments
from encodery.errors import UserError
from encodery.objectives.masked import MaskedConfig, MaskedLM, MaskedText
from encodery.objectives.span_masks import SpanTable, first_spans, within_budget
from encodery.objectives.words import Words, find_words
from tests.data.synthetic import NUM_SPECIAL, stored
from tests.objectives.texts import one_step, streams_of, whole_text, with_unknowns
from tests.objectives.vocabularies import CLS, MASK, SEP, vocabulary


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored(tmp_path_factory.mktemp("corpus") / "shards", with_unknowns(523, 31, 0.03))


@pytest.fixture(scope="module")
def text(shards: Shards) -> PackedText:
    """More than 100,000 tokens in sequences of at most 127."""
    return whole_text(shards, 125, with_sentences=True)


def corrupt(text: PackedText, rate: float = 0.15) -> MaskedText:
    config = MaskedConfig(mask_probability=rate, span=SpanTable())
    return MaskedLM(config, vocabulary()).corrupt(text, streams_of(text), one_step(text))


def hidden_of(text: PackedText, masked: MaskedText) -> np.ndarray:
    hidden = np.zeros(len(text.input_ids), bool)
    hidden[masked.label_index] = True
    return np.asarray(hidden[text.text_index])


def slow_reached(lengths: np.ndarray, opens: np.ndarray, draws: np.ndarray) -> list[int]:
    """One span after the other, in the order of the draws, each hiding what is not hidden yet."""
    reached: dict[int, int] = {}
    for start in np.argsort(draws).tolist():
        for word in range(start, start + int(lengths[start])):
            if word == len(draws) or (word > start and opens[word]):
                break
            reached.setdefault(word, int(draws[start]))
    return [reached[word] for word in range(len(draws))]


@pytest.mark.parametrize(("p", "max_words"), [(0.2, 10), (0.5, 3), (0.01, 41), (0.3, 1)])
def test_lengths_are_geometric_and_cut_off(p: float, max_words: int) -> None:
    table = SpanTable(p=p, max_words=max_words)
    trials = 200_003
    counts = np.bincount(table.lengths(keyed_uint64(3, np.arange(trials))), minlength=max_words + 1)
    expected = np.array([p * (1 - p) ** (length - 1) for length in range(1, max_words + 1)])
    expected /= expected.sum()
    assert counts[0] == 0
    assert len(counts) == max_words + 1
    bound = 5 * np.sqrt(trials * expected * (1 - expected)) + 1e-9
    assert (np.abs(counts[1:] - trials * expected) <= bound).all()


def test_the_mean_length_is_that_of_the_paper() -> None:
    assert (SpanTable().length_probabilities * np.arange(1, 11)).sum() == pytest.approx(3.8, abs=0.005)


@pytest.mark.parametrize("seed", range(5))
def test_spans_are_those_that_come_one_after_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    table, draws = SpanTable(), keyed_uint64(seed, np.arange(211))
    opens = random.random(211) < 0.05
    opens[0] = True
    words = Words(np.arange(211), np.ones(211, int), opens)
    assert first_spans(table, words, draws).tolist() == slow_reached(table.lengths(draws), opens, draws)


def test_the_budget_is_spent_span_by_span() -> None:
    """Two sequences of known draws: of the first span the words in their order, then the next."""
    low, high = (np.uint64(value * 2**50) for value in (1, 2))
    reached = np.array([high, low, low, low, low, high])
    counts, bounds, streams = np.ones(6, int), np.array([0, 3, 6]), keyed_uint64(1, np.arange(2))
    assert within_budget(reached, counts, bounds, np.array([2.0, 2.0]), streams).tolist() == [0, 1, 1, 1, 1, 0]
    assert within_budget(reached, counts, bounds, np.array([1.0, 3.0]), streams).tolist() == [0, 1, 0, 1, 1, 1]
    assert not within_budget(reached, counts, bounds, np.zeros(2), streams).any()


def test_a_budget_is_kept_on_average() -> None:
    """One word of seven tokens and a budget of two: hidden in two sequences of seven."""
    trials = 50_021
    bounds, streams = np.arange(trials + 1), keyed_uint64(5, np.arange(trials))
    hidden = within_budget(streams, np.full(trials, 7), bounds, np.full(trials, 2.0), streams)
    assert abs(hidden.mean() - 2 / 7) < 5 * np.sqrt(2 / 7 * 5 / 7 / trials)


@pytest.mark.parametrize("rate", [0.15, 0.5])
def test_as_many_tokens_are_hidden_as_asked_in_every_sequence(text: PackedText, rate: float) -> None:
    masked = corrupt(text, rate)
    regular = (text.text_ids >= NUM_SPECIAL).astype(int)
    total = regular.sum()
    assert total > 100_000
    # each sequence misses its budget by less than a word: less noise than single tokens have
    assert abs(len(masked.labels) - rate * total) < 5 * np.sqrt(total * rate * (1 - rate))
    per_sequence = np.add.reduceat(hidden_of(text, masked).astype(int), text.text_bounds[:-1])
    budget = rate * np.add.reduceat(regular, text.text_bounds[:-1])
    words = find_words(text, vocabulary())
    assert (np.abs(per_sequence - budget) < words.sizes.max()).all()


def test_everything_can_be_hidden(text: PackedText) -> None:
    assert (hidden_of(text, corrupt(text, 1.0)) == (text.text_ids >= NUM_SPECIAL)).all()


def test_words_are_hidden_whole_and_many_together(text: PackedText) -> None:
    masked = corrupt(text)
    hidden, words = hidden_of(text, masked), find_words(text, vocabulary())
    regular = text.text_ids >= NUM_SPECIAL
    of_words = np.logical_or.reduceat(hidden, words.starts)
    assert (hidden == words.to_tokens(of_words) & regular).all()
    follows = regular[words.starts][1:] & regular[words.starts][:-1] & ~words.opens_part[1:]
    one, next_one = hidden[words.starts][:-1][follows], hidden[words.starts][1:][follows]
    assert next_one[one].mean() > 0.6  # 0.15 for single words, 1 - 1/3.8 at most


def test_no_span_goes_from_one_part_to_the_next(shards: Shards) -> None:
    """Parts of one word: whether B is hidden says nothing of A."""
    ids = shards.take_ranges(np.array([0]), np.array([shards.num_tokens])).astype(int)
    regular = np.flatnonzero(ids >= NUM_SPECIAL)[:9973]
    segments = Segments(np.stack([regular, regular[::-1]], 1), np.ones((9973, 2), int))
    text = lay_out(shards, segments, CLS, SEP, with_sentences=True)
    words = find_words(text, vocabulary())
    assert words.opens_part.all()
    draws = keyed_uint64(2, np.arange(len(words.starts)))
    assert first_spans(SpanTable(), words, draws).tolist() == draws.tolist()


def test_a_span_is_replaced_in_one_way(text: PackedText) -> None:
    masked = corrupt(text)
    ways = np.where(masked.replacements == MASK, 0, np.where(masked.replacements == masked.labels, 2, 1))
    hidden = len(ways)
    for way, share in enumerate((0.8, 0.1, 0.1)):  # of tokens; drawn for spans, of which there are a fifth as many
        assert abs((ways == way).mean() - share) < 5 * np.sqrt(share * (1 - share) * 7 / hidden)
    neighbours = np.diff(masked.label_index) == 1
    same = (np.diff(ways) == 0)[neighbours].mean()
    assert same > 0.9  # 0.66 if each token was drawn for itself
    random_ids = masked.replacements[ways == 1]
    assert len(set(random_ids.tolist())) > 500  # the tokens of a span, each for itself


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"span": {"p": 0}}, "span.p = 0: input should be greater than 0"),
        ({"span": {"max_words": 0}}, "span.max_words = 0: input should be greater than or equal to 1"),
        (
            {"span": {}, "whole_word": True},
            "whole_word and span are different ways to choose what is hidden (words, spans of whole words, tokens by "
            "frequency); keep one",
        ),
        ({"span": {}, "sample_alpha": 0.5}, "span and sample_alpha are different ways"),
        ({"sample_alpha": 1.5}, "sample_alpha = 1.5: input should be less than or equal to 1"),
        (
            {"duplication_factor": 10, "mask_probability": {"start": 0.3, "end": 0.15}},
            "duplication_factor = 10 fixes the masks, and mask_probability changes over the steps; give one number, "
            "or set duplication_factor = 0",
        ),
        ({"duplication_factor": -1}, "duplication_factor = -1: input should be greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        MaskedConfig.parse(settings, "recipe.toml")
    assert message in str(caught.value)
