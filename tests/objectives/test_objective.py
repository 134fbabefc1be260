"""Batches of pretraining: packed, within their bounds, of one document a run; and settings that cannot be."""

from pathlib import Path

import numpy as np
import pytest
import torch

from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.masked import MaskedConfig
from encodery.objectives.objective import Pretraining
from tests.data.synthetic import NUM_SPECIAL, VOCAB_SIZE, counting_documents, documents, stored
from tests.objectives.corpora import MAX_SEQLEN, SEED, TOKENS_PER_STEP, original_ids, pretraining
from tests.objectives.vocabularies import CLS, MASK, SEP, vocabulary


@pytest.mark.parametrize("nsp", [True, False])
def test_a_batch_is_packed_and_within_its_bounds(folder: Path, nsp: bool) -> None:
    objective = pretraining(Shards.open(folder), nsp=nsp)
    for step in range(53):
        batch = objective.batch(step)
        lengths = batch.cu_seqlens.diff()
        assert batch.cu_seqlens.dtype == torch.int32
        assert batch.input_ids.dtype == batch.position_ids.dtype == torch.int64
        assert batch.cu_seqlens[0] == 0
        assert batch.cu_seqlens[-1] == batch.num_tokens
        assert batch.max_seqlen == lengths.max() <= MAX_SEQLEN
        assert batch.position_ids.tolist() == [place for length in lengths for place in range(length)]
        assert (batch.input_ids[batch.cu_seqlens[:-1]] == CLS).all()
        assert (batch.input_ids[batch.cu_seqlens[1:] - 1] == SEP).all()
        separators = (batch.input_ids == SEP).sum()
        assert separators == (2 if nsp else 1) * batch.num_sequences
        assert (batch.token_type_ids is not None) == (batch.sequence_labels is not None) == nsp


@pytest.mark.parametrize("nsp", [True, False])
@pytest.mark.parametrize("sentences_per_document", [2, 97])
def test_steps_hold_as_many_tokens_as_asked_on_average(
    tmp_path: Path, nsp: bool, sentences_per_document: int
) -> None:
    corpus = documents(6000 // sentences_per_document, 2 * sentences_per_document)
    objective = pretraining(stored(tmp_path / "shards", corpus), tokens_per_step=2003, nsp=nsp)
    sizes = [objective.batch(step).num_tokens for step in range(101)]
    assert abs(np.mean(sizes) / 2003 - 1) < 0.05
    assert max(sizes) < 1.5 * 2003


def test_token_types_change_after_the_first_separator(folder: Path) -> None:
    batch = pretraining(Shards.open(folder)).batch(3)
    assert batch.token_type_ids is not None
    for start, end in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
        ids, types = batch.input_ids[start:end].tolist(), batch.token_type_ids[start:end].tolist()
        first = ids.index(SEP) + 1
        assert types == [0] * first + [1] * (len(ids) - first)


@pytest.mark.parametrize("nsp", [True, False])
def test_a_sequence_holds_runs_of_one_document_each(tmp_path: Path, nsp: bool) -> None:
    sizes = [3, 1, 7, 2, 11, 5, 2, 2, 17] * 5
    shards = stored(tmp_path / "shards", counting_documents(sizes, 7), 10**5)
    document = np.repeat(np.arange(len(sizes)), np.array(sizes) * 7)
    objective = pretraining(shards, nsp=nsp)
    pairs = 0
    for step in range(20):
        batch = objective.batch(step)
        ids = original_ids(batch).numpy()
        for number, (start, end) in enumerate(zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True)):
            parts = [
                part[part != SEP]
                for part in np.split(ids[start + 1 : end], np.flatnonzero(ids[start + 1 : end] == SEP))
            ]
            parts = [part for part in parts if len(part)]
            owners = [set(document[part - NUM_SPECIAL].tolist()) for part in parts]
            assert all((np.diff(part) == 1).all() for part in parts)
            assert [len(owner) for owner in owners] == [1] * len(parts) == [1] * (2 if nsp else 1)
            if batch.sequence_labels is not None:
                is_next = bool(batch.sequence_labels[number] == 0)
                assert (owners[0] == owners[1]) == is_next
                assert (parts[0][-1] + 1 == parts[1][0]) or not is_next
                pairs += 1
    assert (pairs > 100) == nsp


@pytest.mark.parametrize("position", [1, 2])
def test_what_is_hidden_does_not_tell_which_pairs_are_true(folder: Path, position: int) -> None:
    objective = pretraining(Shards.open(folder), tokens_per_step=20_011)
    labels = []
    for step in range(60):
        batch = objective.batch(step)
        assert batch.label_index is not None
        assert batch.sequence_labels is not None
        hidden = torch.isin(batch.first_tokens.long() + position, batch.label_index)
        labels += batch.sequence_labels[hidden].tolist()
    assert len(labels) > 1000
    assert 0.4 < np.mean(labels) < 0.7  # texts of one sentence have no true next


def test_masking_shows_in_the_batch(folder: Path) -> None:
    objective = pretraining(Shards.open(folder), mlm={"mask_probability": 0.3, "replace_probs": (1.0, 0.0, 0.0)})
    batch = objective.batch(0)
    assert batch.label_index is not None
    assert (batch.input_ids == MASK).nonzero().flatten().tolist() == batch.label_index.tolist()
    assert 0.2 < len(batch.label_index) / batch.num_tokens < 0.35


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"vocab_size": 1013},
            "the token shards were written with a vocabulary of 1,009, this one has 1,013; write the shards again",
        ),
        ({"max_seqlen": 4}, "max_seqlen = 4: must be at least 5, for 3 special tokens and some text"),
        ({"tokens_per_step": 60}, "tokens_per_step = 60: must be at least max_seqlen = 61; raise the one or lower"),
    ],
)
def test_settings_that_cannot_work(folder: Path, changes: dict[str, int], message: str) -> None:
    settings = {"vocab_size": VOCAB_SIZE, "max_seqlen": MAX_SEQLEN, "tokens_per_step": TOKENS_PER_STEP} | changes
    with pytest.raises(UserError) as caught:
        Pretraining(
            ObjectiveConfig(),
            Shards.open(folder),
            vocabulary(settings["vocab_size"]),
            settings["max_seqlen"],
            settings["tokens_per_step"],
            SEED,
        )
    assert message in str(caught.value)


def test_an_empty_corpus_and_a_single_document(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="the token shards hold no text; write them again from a corpus that has some"
    ):
        pretraining(stored(tmp_path / "empty", []))
    single = stored(tmp_path / "single", documents(1, 17))
    with pytest.raises(UserError, match="needs at least 2 documents to tell apart, the corpus has 1; separate"):
        pretraining(single)
    assert pretraining(single, nsp=False).batch(0).num_sequences > 0


def test_the_config_is_strict() -> None:
    assert ObjectiveConfig() == ObjectiveConfig(mlm=MaskedConfig(), nsp=True, short_sequence_probability=0.1)
    with pytest.raises(UserError, match=r"unknown key 'mlm.whole_words'; did you mean 'whole_word'\?"):
        ObjectiveConfig.parse({"mlm": {"whole_words": True}}, "recipe.toml")
