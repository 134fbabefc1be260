"""Our side of `encodery bench translate`, by the paths that users get: the search, and the trainer."""

from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path

import torch
from rich.console import Console

from encodery.batch import Batch, LossOutput
from encodery.bench.gate import Steps
from encodery.bench.translate_jobs import Job, Size
from encodery.bench.translate_pairs import END_TOKEN_ID, PAD_TOKEN_ID, START_TOKEN_ID, Pairs
from encodery.model.config import EncoderConfig
from encodery.model.heads import HeadShape, Model
from encodery.model.incremental import Memory
from encodery.model.search import GenerationConfig, Targets, search
from encodery.model.translator import Translator
from encodery.train.config import TrainerConfig
from encodery.train.trainer import Trainer

SIZES: Mapping[Size, Mapping[str, int]] = {
    "marian": {
        "vocab_size": 58_101,
        "hidden_size": 512,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "intermediate_size": 2048,
    },
    "small": {
        "vocab_size": 8_009,
        "hidden_size": 256,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
    },
}
"""Of encoder and decoder: those of the published MarianMT models, and those that fit to 29,000 pairs."""
NUM_PAIRS = 1024
TARGETS = Targets(START_TOKEN_ID, END_TOKEN_ID, (PAD_TOKEN_ID, END_TOKEN_ID))
"""Random weights end a translation wherever they like; here it ends where it is told to."""
_ENDLESS = 1_000_000
_SEED = 1


def build_model(size: Size) -> Translator:
    """A translator of this size."""
    fields = {
        "position": "sinusoidal",
        "max_position_embeddings": 512,
        "embedding_norm": False,
        "type_vocab_size": 0,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.0,
    }
    config = EncoderConfig.parse({**SIZES[size], **fields}, f"bench size {size}")
    model = Translator(config, config, HeadShape("vocabulary", "tokens", dropout_before=()))
    model.initialize(_SEED)
    return model


def lengths_of(job: Job, pairs: Pairs) -> list[int]:
    """How many tokens each translation has."""
    return [len(ids) + 1 if job.new_tokens is None else job.new_tokens for ids in pairs.targets]


@torch.no_grad()
def decode(job: Job, steps: Steps, model: Translator) -> None:
    """Translate batch after batch, until `steps` ends it."""
    batches = Pairs.make(model.config.vocab_size, NUM_PAIRS).batches(job.pairs)
    config = GenerationConfig(num_beams=job.beams)
    model.eval()
    for pairs in cycle(batches):
        steps.arrive()
        limits = torch.tensor(lengths_of(job, pairs))
        memory = Memory(model, pairs.source_batch(), job.beams, int(limits.max()))
        found = search(memory, TARGETS, limits, config)
        assert [len(best[0].token_ids) for best in found] == limits.tolist()
        steps.add(int(limits.sum()))


class TranslationLoss:
    """Cross entropy of the targets, and a word to `steps` whenever a step begins."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def counts(self, batch: Batch) -> Mapping[str, int]:
        """The scored tokens."""
        assert batch.source is not None
        assert batch.labels is not None
        self._steps.arrive()
        self._steps.add(batch.num_tokens + batch.source.num_tokens)
        return {"loss": len(batch.labels)}

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """The sum over the scored tokens."""
        assert isinstance(model, Translator)
        loss, _ = model.loss(batch)
        return LossOutput({"loss": loss})


def build_trainer(job: Job, work: Path, steps: Steps, model: Translator) -> Trainer:
    """A trainer that goes on until `steps` ends it; it neither saves nor evaluates on the way."""
    batches = Pairs.make(model.config.vocab_size, NUM_PAIRS).batches(job.pairs)
    made: Callable[[int], Batch] = lambda step: batches[step % len(batches)].batch()  # noqa: E731
    config = TrainerConfig(precision=job.precision, checkpoint_every=_ENDLESS, evaluate_every=_ENDLESS)
    return Trainer(
        model,
        TranslationLoss(steps),
        made,
        config,
        total_steps=_ENDLESS,
        seed=_SEED,
        folder=work,
        console=Console(stderr=True),
        title="bench",
    )
