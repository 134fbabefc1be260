"""What a stage that trained leaves behind: the model folder, its card and the log."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from encodery import __version__
from encodery.families.folder import ModelFolder, save_folder
from encodery.report.model_card import ModelCard, model_card
from encodery.stages.engine import Metrics
from encodery.stages.provenance import scores_of_card
from encodery.train.log import LOG
from encodery.train.trainer import Trainer

SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings")


def training_facts(trainer: Trainer) -> dict[str, Any]:
    """Sizes of a training run, and which evaluation was its best, if that was asked."""
    state = trainer.state
    best: dict[str, Any] = {"best": state.best.model_dump()} if state.best else {}
    threads = {"threads": state.threads} if state.threads else {}
    return {
        "steps": state.step,
        "tokens": state.tokens,
        "skipped_steps": state.skipped_steps,
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        **best,
        **threads,
    }


def save_model(into: Path, work: Path, folder: ModelFolder, metrics: Metrics, card: ModelCard) -> None:
    """The model folder, its card and the log of its training."""
    save_folder(into, replace(folder, info={**folder.info, "metrics": metrics}))
    config = folder.model.config
    sizes = {name: getattr(config, name) for name in SIZES} | {"parameters": metrics["parameters"]}
    scores = scores_of_card(metrics)
    training = {name: metrics[name] for name in ("steps", "tokens")}
    card = replace(card, sizes=sizes, training=training, metrics=scores, versions={"encodery": __version__})
    (into / "README.md").write_text(model_card(card), encoding="utf-8")
    shutil.copy(work / LOG, into / LOG)
