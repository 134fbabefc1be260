"""How often what is hidden, and behind what."""

from dataclasses import replace

import numpy as np
import pytest

from encodery.data.layout import PackedText, lay_out
from encodery.data.shards import Shards
from encodery.data.spans import Segments
from encodery.errors import UserError
from encodery.objectives.masked import MaskedConfig, MaskedLM, MaskedText
from tests.data.synthetic import NUM_SPECIAL, VOCAB_SIZE, stored
from tests.objectives.texts import one_step, streams_of, whole_text, with_unknowns
from tests.objectives.vocabularies import CLS, MASK, SEP, vocabulary


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return stored(tmp_path_factory.mktemp("corpus") / "shards", with_unknowns(307, 29, 0.05))


@pytest.fixture(scope="module")
def text(shards: Shards) -> PackedText:
    """About 60,000 tokens in sequences of at most 61."""
    return whole_text(shards, 59)


def corrupt(text: PackedText, **settings: object) -> MaskedText:
    config = MaskedConfig.parse(settings, "test")
    return MaskedLM(config, vocabulary()).corrupt(text, streams_of(text), one_step(text))


def within(found: float, probability: float, trials: int) -> bool:
    """Is a share of `trials` within four standard deviations of the binomial distribution?"""
    return bool(abs(found - probability) < 4 * np.sqrt(probability * (1 - probability) / trials))


@pytest.mark.parametrize("probability", [0.15, 0.4])
@pytest.mark.parametrize("whole_word", [False, True])
def test_as_many_tokens_are_scored_as_asked(text: PackedText, probability: float, whole_word: bool) -> None:
    masked = corrupt(text, mask_probability=probability, whole_word=whole_word)
    num_regular = int((text.text_ids >= NUM_SPECIAL).sum())
    assert num_regular > 50_000
    # words of about 1.5 tokens: fewer, larger draws
    assert within(len(masked.labels) / num_regular, probability, num_regular // (2 if whole_word else 1))


def test_labels_are_what_was_there(text: PackedText) -> None:
    masked = corrupt(text)
    assert (text.input_ids[masked.label_index] == masked.labels).all()
    assert (np.diff(masked.label_index) > 0).all()


def test_special_tokens_are_never_scored_nor_put_in(text: PackedText) -> None:
    masked = corrupt(text, mask_probability=1.0, replace_probs=(0.0, 1.0, 0.0))
    assert (masked.labels >= NUM_SPECIAL).all()
    assert (masked.replacements >= NUM_SPECIAL).all()
    assert len(masked.labels) == (text.input_ids >= NUM_SPECIAL).sum()


def test_replacements_are_eighty_ten_ten(text: PackedText) -> None:
    masked = corrupt(text, mask_probability=0.5)
    num_scored = len(masked.labels)
    is_mask, is_kept = masked.replacements == MASK, masked.replacements == masked.labels
    # a random token is the same as before once in a vocabulary
    chance = 0.1 / (VOCAB_SIZE - NUM_SPECIAL)
    assert within(is_mask.mean(), 0.8, num_scored)
    assert within(is_kept.mean(), 0.1 + chance, num_scored)
    assert within((~is_mask & ~is_kept).mean(), 0.1 - chance, num_scored)


@pytest.mark.parametrize(("replace_probs", "expected"), [((1.0, 0.0, 0.0), "mask"), ((0.0, 0.0, 1.0), "kept")])
def test_one_way_of_replacing_only(
    text: PackedText, replace_probs: tuple[float, float, float], expected: str
) -> None:
    masked = corrupt(text, replace_probs=replace_probs)
    assert (masked.replacements == (MASK if expected == "mask" else masked.labels)).all()


def test_random_tokens_are_uniform_over_the_regular_ones(text: PackedText) -> None:
    replacements = corrupt(text, mask_probability=1.0, replace_probs=(0.0, 1.0, 0.0)).replacements
    counts = np.bincount(replacements, minlength=VOCAB_SIZE)[NUM_SPECIAL:]
    mean = len(replacements) / (VOCAB_SIZE - NUM_SPECIAL)
    deviation = ((counts - mean) ** 2 / mean).sum() - len(counts)
    assert abs(deviation) < 5 * np.sqrt(2 * len(counts))


def test_neighbours_are_hidden_independently(text: PackedText) -> None:
    hidden = np.zeros(len(text.input_ids), bool)
    hidden[corrupt(text, mask_probability=0.3).label_index] = True
    regular = text.input_ids >= NUM_SPECIAL
    both_regular = regular[1:] & regular[:-1]
    both_hidden = (hidden[1:] & hidden[:-1])[both_regular]
    assert within(both_hidden.mean(), 0.09, len(both_hidden) // 2)


def test_words_are_hidden_whole(text: PackedText) -> None:
    hidden = np.zeros(len(text.input_ids), bool)
    hidden[corrupt(text, whole_word=True).label_index] = True
    continues = vocabulary().continues_word[text.input_ids]
    regular = text.input_ids >= NUM_SPECIAL
    inside_word = continues[1:] & regular[:-1]
    assert inside_word.sum() > 10_000
    assert (hidden[1:] == hidden[:-1])[inside_word].all()
    # and the words are not all hidden alike behind the same thing
    assert len(set(corrupt(text, whole_word=True).replacements.tolist())) > 100


def test_a_closed_word_is_not_continued(text: PackedText) -> None:
    """Where the ends of words are marked, any token goes on with an open word."""
    ids = np.arange(VOCAB_SIZE)
    regular = ids >= NUM_SPECIAL
    tables = replace(vocabulary(), continues_word=regular, ends_word=(ids % 3 == 0) | ~regular)
    masked = MaskedLM(MaskedConfig(whole_word=True), tables).corrupt(text, streams_of(text), one_step(text))
    hidden = np.zeros(len(text.input_ids), bool)
    hidden[masked.label_index] = True
    before, behind = text.input_ids[:-1], text.input_ids[1:]
    inside_word = regular[before] & (before % 3 != 0) & regular[behind]
    assert inside_word.sum() > 10_000
    assert (hidden[1:] == hidden[:-1])[inside_word].all()
    closed = regular[before] & (before % 3 == 0) & regular[behind]
    assert (hidden[1:] != hidden[:-1])[closed].mean() > 0.1


def test_a_word_does_not_cross_from_one_part_to_the_next(shards: Shards) -> None:
    """A and B lie apart in the corpus; B may begin with a token that continues a word."""
    ids = shards.take_ranges(np.array([0]), np.array([shards.num_tokens])).astype(int)
    begins = np.flatnonzero(vocabulary().continues_word[ids])[:997]
    segments = Segments(starts=np.stack([begins * 0, begins], 1), lengths=np.ones((997, 2), int))
    text = lay_out(shards, segments, CLS, SEP)
    masked = corrupt(text, mask_probability=0.5, whole_word=True)
    hidden = np.zeros(len(text.input_ids), bool)
    hidden[masked.label_index] = True
    first, second = hidden.reshape(997, 5)[:, [1, 3]].T
    assert within((first == second).mean(), 0.5, 997)


@pytest.mark.parametrize("whole_word", [False, True])
def test_every_step_scores_something(text: PackedText, whole_word: bool) -> None:
    config = MaskedConfig(mask_probability=1e-9, whole_word=whole_word)
    steps = np.arange(0, len(text.bounds), 3)
    masked = MaskedLM(config, vocabulary()).corrupt(text, streams_of(text), steps)
    per_step = np.diff(np.searchsorted(masked.label_index, text.bounds[steps]))
    has_regular = np.add.reduceat(text.input_ids >= NUM_SPECIAL, text.bounds[steps[:-1]]) > 0
    assert has_regular.sum() > 300
    assert ((per_step > 0) == has_regular).all()
    assert (per_step <= (9 if whole_word else 1)).all()
    assert (np.diff(masked.label_index) > 0).all()


def test_a_draw_depends_on_its_sequence_alone(text: PackedText) -> None:
    """Whatever else is in the step: the last sequences alone are hidden as they are among all."""
    cut = len(text.bounds) - 1 - 71
    start, first_text = text.bounds[cut], text.text_bounds[cut]
    tail = replace(
        text,
        input_ids=text.input_ids[start:],
        position_ids=text.position_ids[start:],
        bounds=text.bounds[cut:] - start,
        text_ids=text.text_ids[first_text:],
        text_index=text.text_index[first_text:] - start,
        text_bounds=text.text_bounds[cut:] - first_text,
    )
    masked = corrupt(text)
    alone = MaskedLM(MaskedConfig(), vocabulary()).corrupt(tail, streams_of(text)[cut:], one_step(tail))
    inside = masked.label_index >= start
    assert alone.label_index.tolist() == (masked.label_index[inside] - start).tolist()
    assert alone.replacements.tolist() == masked.replacements[inside].tolist()


def test_other_streams_hide_other_tokens(text: PackedText) -> None:
    masked = corrupt(text)
    again = MaskedLM(MaskedConfig(), vocabulary()).corrupt(text, streams_of(text) + np.uint64(1), one_step(text))
    shared = np.intersect1d(masked.label_index, again.label_index).size
    assert abs(shared / len(masked.label_index) - 0.15) < 0.02


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replace_probs": (0.8, 0.1, 0.2)}, "replace_probs must sum to 1, not 1.1"),
        ({"replace_probs": (1.2, -0.1, -0.1)}, "less than or equal to 1"),
        ({"mask_probability": 0}, "mask_probability = 0: input should be greater than 0"),
        ({"mask_probability": 1.5}, "mask_probability = 1.5: input should be less than or equal to 1"),
        ({"mask_probabilty": 0.2}, "unknown key 'mask_probabilty'; did you mean 'mask_probability'?"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        MaskedConfig.parse(settings, "recipe.toml")
    assert message in str(caught.value)
