"""The four formats of a sequence, and masks that come again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encodery.batch import Batch
from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from tests.data.synthetic import NUM_SPECIAL, counting_documents, stored
from tests.objectives.corpora import (
    MAX_SEQLEN,
    SEED,
    TOKENS_PER_STEP,
    assert_same,
    original_ids,
    pretraining,
)
from tests.objectives.vocabularies import SEP, vocabulary

VARIANTS: list[dict[str, Any]] = [
    {"inputs": "sentence-pair"},
    {"inputs": "full-sentences", "nsp": False},
    {"inputs": "segment-pair", "mlm": {"duplication_factor": 3}},
    {"inputs": "full-sentences", "nsp": False, "mlm": {"duplication_factor": 2, "span": {}}},
    {"nsp": False, "mlm": {"span": {}}},
    {"nsp": False, "mlm": {"sample_alpha": 0.5}},
    {"mlm": {"whole_word": True, "mask_probability": {"start": 0.3, "end": 0.15}}},
    {"mlm": {"span": {}, "mask_probability": [[0, 0.3], [7, 0.1]]}},
    {"mlm": {"sample_alpha": 0.5, "mask_probability": [[0, 0.3], [7, 0.1]]}},
]


def sequences(batch: Batch) -> Iterator[tuple[np.ndarray, np.ndarray, int | None]]:
    """Of each sequence the ids as they were, the ids as the model sees them, and its label."""
    before, after = original_ids(batch).numpy(), batch.input_ids.numpy()
    labels = batch.sequence_labels
    for number, (start, end) in enumerate(zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True)):
        yield before[start:end], after[start:end], None if labels is None else int(labels[number])


def parts_of(ids: np.ndarray) -> list[np.ndarray]:
    """The texts between the special tokens."""
    return [part[part >= NUM_SPECIAL] for part in np.split(ids, np.flatnonzero(ids == SEP))[:-1]]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_batch_is_the_same_whatever_was_asked_for_before(folder: Path, variant: dict[str, Any]) -> None:
    shards = Shards.open(folder)
    in_order = pretraining(shards, **variant)
    batches = {step: in_order.batch(step) for step in range(7)}
    jumping = pretraining(shards, **variant)
    list(jumping.validation_batches(500))
    for step in (5, 2, 1_000_003, 6, 2, 0):
        assert_same(jumping.batch(step), batches.get(step) or in_order.batch(step))
    for batch in batches.values():
        assert batch.max_seqlen <= MAX_SEQLEN
        assert batch.num_tokens < 3 * TOKENS_PER_STEP
    large = pretraining(shards, tokens_per_step=5003, **variant)  # a step of whole windows: here they are many
    sizes = [large.batch(step).num_tokens for step in range(31)]
    assert abs(np.mean(sizes) / 5003 - 1) < 0.07


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_blocks_do_not_show(folder: Path, variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    wide = [pretraining(Shards.open(folder), **variant).batch(step) for step in range(5)]
    monkeypatch.setattr("encodery.objectives.objective._BLOCK_TOKENS", 1)
    monkeypatch.setattr("encodery.objectives.objective._BLOCKS_PER_PLAN", 3)
    for step in range(5):
        assert_same(pretraining(Shards.open(folder), **variant).batch(step), wide[step])


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_shards_make_no_difference(tmp_path: Path, variant: dict[str, Any]) -> None:
    corpus = counting_documents([3, 1, 7, 2, 11, 5, 2, 2, 17] * 3, 7)
    one = pretraining(stored(tmp_path / "one", corpus, 10**5), **variant)
    many = pretraining(stored(tmp_path / "many", corpus, 10**5, max_tokens_per_shard=211), **variant)
    for step in range(7):
        assert_same(one.batch(step), many.batch(step))


@pytest.mark.parametrize("inputs", [{"nsp": True}, {"inputs": "full-sentences", "nsp": False}])
@pytest.mark.parametrize("way", [{}, {"span": {}}, {"sample_alpha": 0.5}])
def test_static_masks_come_again_after_as_many_epochs(
    tmp_path: Path, inputs: dict[str, Any], way: dict[str, Any]
) -> None:
    """Epochs as sets of sequences, as they were and as the model sees them, with their labels."""
    shards = stored(tmp_path / "shards", counting_documents([3, 1, 7, 2, 11, 5, 2, 2, 17] * 3, 7), 10**5)
    # a step of one window is never cut by the end of an epoch
    objective = pretraining(shards, tokens_per_step=MAX_SEQLEN, mlm={"duplication_factor": 3, **way}, **inputs)
    steps = round(objective.steps_per_epoch)
    assert objective.steps_per_epoch == steps > 10
    epochs = [
        [
            (tuple(before), tuple(after), label)
            for step in range(epoch * steps, (epoch + 1) * steps)
            for before, after, label in sequences(objective.batch(step))
        ]
        for epoch in range(7)
    ]
    assert epochs[0] != epochs[3], "the order is the epoch's own"
    ordered = [sorted(epoch, key=str) for epoch in epochs]
    for epoch in range(4):
        assert ordered[epoch] == ordered[epoch + 3]
    assert ordered[6] == ordered[0]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        seen, seen_again = ({row[1] for row in epochs[number]} for number in (one, other))
        assert len(seen & seen_again) < 0.3 * len(seen)


def test_static_or_not_is_no_matter_for_validation(folder: Path) -> None:
    shards = Shards.open(folder)
    static = pretraining(shards, mlm={"duplication_factor": 10})
    for one, other in zip(static.validation_batches(3001), pretraining(shards).validation_batches(3001), strict=True):
        assert_same(one, other)


def test_a_pair_of_sentences_is_two_sentences(tmp_path: Path) -> None:
    corpus = counting_documents([3, 1, 7, 2, 11, 5, 2, 2, 17] * 9, 7)
    shards = stored(tmp_path / "shards", corpus, 10**5)
    document = np.repeat(np.arange(81), np.array([3, 1, 7, 2, 11, 5, 2, 2, 17] * 9) * 7)
    objective = pretraining(shards, inputs="sentence-pair")
    labels = []
    for step in range(400):
        for ids, _, label in sequences(objective.batch(step)):
            first, second = parts_of(ids)
            assert len(first) == len(second) == 7
            assert (first[0] - NUM_SPECIAL) % 7 == (second[0] - NUM_SPECIAL) % 7 == 0
            same = document[first[0] - NUM_SPECIAL] == document[second[0] - NUM_SPECIAL]
            assert same == (label == 0)
            assert label == 1 or first[-1] + 1 == second[0]
            labels.append(label == 1)
    # the last sentence of a document's odd number has no next; the others have theirs half of the time
    share = np.mean(labels)
    assert len(labels) > 3000
    assert 0.5 < share < 0.75


def test_half_of_the_pairs_of_sentences_that_could_be_true_are(tmp_path: Path) -> None:
    shards = stored(tmp_path / "shards", counting_documents([8] * 100, 7), 10**5)
    objective = pretraining(shards, inputs="sentence-pair", max_seqlen=7 * 8 * 100 + 3, tokens_per_step=10**4)
    found = torch.cat([batch.sequence_labels for batch in map(objective.batch, range(160))])  # type: ignore[misc]
    # windows are as long as the corpus, so that only their ends leave a sentence alone
    assert abs(float(found.float().mean()) - 0.5) < 0.005 + 5 * 0.5 / np.sqrt(len(found))
    assert len(found) > 30_000


def test_full_sentences_go_on_in_the_next_document_behind_a_separator(tmp_path: Path) -> None:
    counts = [3, 1, 7, 2, 11, 5, 2, 2, 17] * 9
    shards = stored(tmp_path / "shards", counting_documents(counts, 7), 10**5)
    document = np.repeat(np.arange(81), np.array(counts) * 7)
    objective = pretraining(shards, inputs="full-sentences", nsp=False)
    crossing, total = 0, 0
    for step in range(100):
        batch = objective.batch(step)
        assert batch.token_type_ids is None
        assert batch.sequence_labels is None
        for ids, _, _ in sequences(batch):
            assert len(ids) <= MAX_SEQLEN
            text = ids[ids >= NUM_SPECIAL] - NUM_SPECIAL
            assert (np.diff(text) == 1).all()
            assert text[0] % 7 == 0
            owners = [set(document[part - NUM_SPECIAL].tolist()) for part in parts_of(ids)]
            assert all(len(owner) == 1 for owner in owners)
            assert len(set.union(*owners)) == len(owners)
            crossing += len(owners) > 1
            total += 1
    assert crossing > total / 2


def test_full_sentences_visit_every_token_about_once_an_epoch(tmp_path: Path) -> None:
    shards = stored(tmp_path / "shards", counting_documents([5, 40, 1, 90, 13] * 7, 7), 10**5)
    objective = pretraining(shards, inputs="full-sentences", nsp=False)
    epochs = 20
    found = torch.cat(
        [original_ids(objective.batch(step)) for step in range(round(epochs * objective.steps_per_epoch))]
    )
    counts = np.bincount(found, minlength=10**5)[NUM_SPECIAL : NUM_SPECIAL + shards.num_tokens]
    assert counts.min() >= 0.5 * epochs
    assert counts[:-7].max() <= epochs + 1
    assert counts.mean() > 0.92 * epochs


def test_parts_in_several_languages_keep_their_own(tmp_path: Path) -> None:
    shards = stored(tmp_path / "shards", counting_documents([2] * 20, 7), languages=["en", "sw"] * 10)
    config = ObjectiveConfig(nsp=False, inputs="full-sentences")
    objective = Pretraining(config, shards, vocabulary(), MAX_SEQLEN, 199, SEED, {"en": 0, "sw": 1})
    batch = objective.batch(0)
    ids = original_ids(batch).numpy()
    assert batch.language_ids is not None
    text = ids >= NUM_SPECIAL
    assert batch.language_ids.numpy()[text].tolist() == ((ids[text] - NUM_SPECIAL) // 14 % 2).tolist()
    assert set(batch.language_ids.tolist()) == {0, 1}


def test_what_is_not_said_goes_with_next_sentence_prediction(folder: Path) -> None:
    shards = Shards.open(folder)
    for stated, plain in (
        ({"inputs": "segment-pair"}, {}),
        ({"inputs": "doc-sentences", "nsp": False}, {"nsp": False}),
    ):
        assert_same(pretraining(shards, **stated).batch(3), pretraining(shards, **plain).batch(3))
    assert "inputs" not in ObjectiveConfig().model_dump()
    assert ObjectiveConfig(nsp=False).input_format == "doc-sentences"


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_the_mask_rate_follows_the_step(folder: Path, number: int) -> None:
    rates = [[0, 0.1], [40, 0.5]]
    ways: list[dict[str, Any]] = [{}, {"whole_word": True}, {"span": {}}, {"sample_alpha": 0.5}]
    way = ways[number]
    objective = pretraining(
        Shards.open(folder), nsp=False, tokens_per_step=2003, mlm={"mask_probability": rates, **way}
    )
    for first, expected in ((0, 0.1), (20, 0.3), (40, 0.5), (10**6, 0.5)):
        batches = [objective.batch(step) for step in ((first,) if first < 40 else range(first, first + 5))]
        hidden = sum(objective.counts(batch)["mlm"] for batch in batches)
        tokens = sum(int((original_ids(batch) >= NUM_SPECIAL).sum()) for batch in batches)
        assert abs(hidden - expected * tokens) < 5 * np.sqrt(2 * tokens * expected * (1 - expected))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"inputs": "full-sentences"},
            'inputs = "full-sentences" has no pairs, and nsp = true predicts whether two texts follow each other; '
            'set nsp = false, or inputs = "segment-pair" or "sentence-pair"',
        ),
        (
            {"inputs": "sentence-pair", "nsp": False},
            'inputs = "sentence-pair" makes pairs for next sentence prediction, and nsp = false; set nsp = true, or '
            'inputs = "full-sentences" or "doc-sentences"',
        ),
        ({"inputs": "sentences"}, "inputs = 'sentences': input should be 'segment-pair', 'sentence-pair', "),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        ObjectiveConfig.parse(settings, "recipe.toml")
    assert message in str(caught.value)
