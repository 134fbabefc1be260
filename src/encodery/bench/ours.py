"""Our side of the comparison, by the path that users get: token shards, the objective, the trainer."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
from rich.console import Console

from encodery.batch import Batch, LossOutput
from encodery.bench.gate import Steps
from encodery.bench.jobs import Job
from encodery.bench.text import (
    CLS_TOKEN_ID,
    MASK_TOKEN_ID,
    MAX_SEQLEN,
    PAD_TOKEN_ID,
    SEP_TOKEN_ID,
    SPECIAL_TOKENS,
    VOCAB_SIZE,
    Text,
    shards_folder,
)
from encodery.data.shards import Shards
from encodery.families import FAMILIES
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from encodery.objectives.vocabulary import Vocabulary
from encodery.train.config import TrainerConfig
from encodery.train.trainer import Trainer

_ENDLESS = 1_000_000
_SEED = 1


class WatchedLoss:
    """An objective that tells of every step: the loop asks for the counts of a batch when a step begins."""

    def __init__(self, objective: Pretraining, steps: Steps) -> None:
        self._objective = objective
        self._steps = steps

    def counts(self, batch: Batch) -> Mapping[str, int]:
        """How many items each loss term scores."""
        self._steps.arrive()
        self._steps.add(batch.num_tokens)
        return self._objective.counts(batch)

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Each term's loss, summed over the items it scores."""
        return self._objective.loss(model, batch)


def encoder_config(preset: str) -> EncoderConfig:
    """The model that both sides train."""
    fields = FAMILIES["bert"].preset(preset, vocab_size=VOCAB_SIZE)
    return EncoderConfig.parse(fields, f"bench preset {preset}")


def build_objective(job: Job, folder: Path) -> Pretraining:
    """Masked language modeling over the benchmark's text."""
    vocabulary = Vocabulary(
        vocab_size=VOCAB_SIZE,
        cls_token_id=CLS_TOKEN_ID,
        sep_token_id=SEP_TOKEN_ID,
        mask_token_id=MASK_TOKEN_ID,
        pad_token_id=PAD_TOKEN_ID,
        special_ids=frozenset(range(len(SPECIAL_TOKENS))),
        continues_word=np.zeros(VOCAB_SIZE, bool),
    )
    return Pretraining(
        config=ObjectiveConfig(nsp=False, short_sequence_probability=0.0),
        shards=Shards.open(shards_folder(folder, job.layout)),
        vocabulary=vocabulary,
        max_seqlen=MAX_SEQLEN,
        tokens_per_step=job.tokens_per_step(Text.load(folder)),
        seed=_SEED,
    )


def build_trainer(job: Job, folder: Path, work: Path, steps: Steps) -> Trainer:
    """A trainer that goes on until `steps` ends it; it neither saves nor evaluates on the way."""
    model = Model(encoder_config(job.preset), ("mlm",))
    model.initialize(_SEED)
    objective = build_objective(job, folder)
    config = TrainerConfig(
        precision=job.precision, device=job.device, checkpoint_every=_ENDLESS, evaluate_every=_ENDLESS
    )
    return Trainer(
        model,
        WatchedLoss(objective, steps),
        objective.batch,
        config,
        total_steps=_ENDLESS,
        seed=_SEED,
        folder=work,
        console=Console(stderr=True),
        title="bench",
    )


def make_batches(job: Job, folder: Path, steps: Steps) -> None:
    """Finished batches from the ids on disk, one after the other, until `steps` ends it."""
    objective = build_objective(job, folder)
    for step in count():
        steps.arrive()
        steps.add(objective.batch(step).num_tokens)
