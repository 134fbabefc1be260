"""The `exam` stage of a comparison: the same held-out question for every model.

A scheme's own validation loss is measured as it trains: with its mask rate, its pairs of sentences, its lengths, its
seed. Hiding 30 % is harder than hiding 15 %, so such losses say nothing about which model is better. The exam hides
the same 15 % (Devlin et al. 2019, 3.1) in the same text for all; with equal vocabularies these are the same tokens.
"""

import math
from functools import partial
from pathlib import Path

import torch

from encodery.artifact import read_manifest
from encodery.config import Config
from encodery.families.folder import load_folder
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from encodery.recipe.reading_table import ReadingTable
from encodery.recipe.teaching import DISTILL
from encodery.stages.engine import Metrics, Run, Stage
from encodery.stages.reading import vocabulary_of
from encodery.stages.skipping import SHARDS, open_shards
from encodery.train.device import pick_device
from encodery.train.loss import mean_metrics

EXAM = "exam"
VALID = "valid"
HEAD = "mlm"
TOKENS_AT_ONCE = 4096
LOSS, BITS = "mlm_loss", "bits_per_character"


class Exam(Config):
    """How the models are asked; all else is as `ObjectiveConfig` has it."""

    max_seqlen: int
    max_tokens: int
    seed: int = 1
    """Of the masks; it has nothing to do with the seeds of the models."""


def exam_stage(trained: Stage, exam: Exam) -> Stage:
    """The stage that asks the model of `trained`, a stage that trains on shards."""
    shards = next(parent for parent in reversed(trained.parents) if parent.startswith(SHARDS))
    build = partial(build_exam, model=trained.name, shards=shards, exam=exam)
    return Stage(EXAM, build, {EXAM: exam.model_dump(mode="json")}, {}, (shards, trained.name))


def build_exam(run: Run, into: Path, work: Path, model: str, shards: str, exam: Exam) -> Metrics:
    """The loss per hidden token, the accuracy, and what the loss is in bits per character of the text; nothing of a
    model that fills no masks. All of it is in the manifest, there is no other file."""
    folder = load_folder(run.artifact(model))
    text = read_manifest(run.artifact(shards))
    if HEAD not in folder.model.heads or text is None:
        return {}
    objective = Pretraining(
        config=ObjectiveConfig(nsp=False),
        shards=open_shards(run, _table(run, model), VALID, shards),
        vocabulary=vocabulary_of(folder.tokenizer),
        max_seqlen=exam.max_seqlen,
        tokens_per_step=max(exam.max_seqlen, TOKENS_AT_ONCE),
        seed=exam.seed,
        lang2id=folder.languages or None,
    )
    held_out = folder.model.to(pick_device("auto")).eval()
    with torch.inference_mode():
        found = mean_metrics(objective, held_out, objective.validation_batches(exam.max_tokens))
    sizes = text.metrics[VALID]
    bits = found[LOSS] / math.log(2) * sizes["tokens"] / sizes["characters"]
    return {**found, BITS: bits}


def _table(run: Run, model: str) -> ReadingTable | None:
    """What says how the stage that trained the model reads shards: it was measured on the same ones."""
    return run.recipe.distill if model == DISTILL else run.recipe.pretrain
