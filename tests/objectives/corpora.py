"""Pretraining over a small corpus, as the tests of objectives make it, and batches compared."""

import dataclasses
from typing import Any

import torch

from encodery.batch import Batch
from encodery.data.shards import Shards
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from tests.data.synthetic import VOCAB_SIZE
from tests.objectives.vocabularies import vocabulary

MAX_SEQLEN, TOKENS_PER_STEP, SEED = 61, 509, 7


def pretraining(
    shards: Shards,
    seed: int = SEED,
    tokens_per_step: int = TOKENS_PER_STEP,
    max_seqlen: int = MAX_SEQLEN,
    **config: Any,
) -> Pretraining:
    return Pretraining(
        ObjectiveConfig.parse(config, "test"),
        shards,
        vocabulary(shards.vocab_size),
        max_seqlen,
        tokens_per_step,
        seed,
    )


def assert_same(one: Batch, other: Batch) -> None:
    for field in dataclasses.fields(Batch):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, torch.Tensor):
            assert left.dtype == right.dtype, field.name
            assert torch.equal(left, right), field.name
        else:
            assert left == right, field.name


def original_ids(batch: Batch) -> torch.Tensor:
    """The ids before anything was hidden."""
    assert batch.label_index is not None
    assert batch.labels is not None
    return batch.input_ids.index_copy(0, batch.label_index, batch.labels)


def tiny_model(nsp: bool) -> Model:
    config = EncoderConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_SEQLEN,
    )
    model = Model(config, ("mlm", "nsp") if nsp else ("mlm",))
    model.initialize(3)
    return model.eval()
