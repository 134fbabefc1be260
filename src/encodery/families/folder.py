"""The model folder: Hugging Face's layout, read from anywhere, written so that `transformers` opens it.

`config.json`, `model.safetensors`, the tokenizer's files and `encodery.json`. Files from outside are untrusted: only
safetensors are read, never a pickle; no code is run; sizes are compared with the file before memory is taken.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from encodery import __version__
from encodery.artifact import MANIFEST, verify
from encodery.config import read_json, write_json
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import (
    Family,
    assign,
    config_from_theirs,
    config_to_theirs,
    fill,
    has_pooler,
    state_to_theirs,
)
from encodery.families.weights import WEIGHTS, WeightFiles
from encodery.model.heads import Model
from encodery.text.tokenizer import Tokenizer

UNNAMED_LABELS = ("LABEL_0", "LABEL_1")
"""What a classifier has whose `config.json` names no labels: `transformers` leaves out its default of two."""


@dataclass(frozen=True)
class ModelFolder:
    """A model with what belongs to it, as read from a folder or about to be written to one."""

    family: Family
    model: Model
    tokenizer: Tokenizer
    labels: tuple[str, ...] = ()
    """Names of the classes, in the order of the logits (`id2label`)."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """What `encodery.json` says: task, provenance, metrics."""
    fresh: tuple[str, ...] = ()
    """Our names of the weights that the folder lacked and that were drawn anew."""


def load_folder(
    path: Path, heads: Collection[str] | None = None, labels: Sequence[str] | None = None, seed: int = 0
) -> ModelFolder:
    """Read a model folder, ours or anyone's, with the heads that the caller wants (default: those that it has).

    `labels` are the classes of the sequence head (default: those of the folder); a head for other classes than the
    folder's starts fresh. What the folder lacks is drawn with `seed`.

    Raises:
        UserError: a file is missing, damaged, of another family, or its weights do not fit `config.json`.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; a model folder has config.json, {WEIGHTS} and a tokenizer")
    if (path / MANIFEST).is_file():
        verify(path)  # ours: every file has a recorded hash
    config_json = read_json(path / "config.json")
    source = str(path / "config.json")
    family = find_family(config_json, source)
    config = config_from_theirs(family, config_json, source)
    wanted = find_heads(family, config_json, source) if heads is None else heads
    stored = read_labels(config_json, source) or (UNNAMED_LABELS if "sequence" in wanted else ())
    chosen = stored if labels is None else tuple(labels)
    weights = WeightFiles(path)
    if config.num_hidden_layers > len(weights.shapes):
        raise UserError(
            f"{source}: num_hidden_layers = {config.num_hidden_layers}, but the weights hold only "
            f"{len(weights.shapes)} tensors"
        )
    pooler = not wanted and has_pooler(family, weights.shapes)
    build = partial(Model, config, wanted, len(chosen), pooler)
    with torch.device("meta"):  # shapes only: compared with the file before memory is taken
        skeleton = build()
    fresh_heads = ("sequence",) if chosen != stored else ()
    plan = assign(family, skeleton, weights.shapes, str(path / WEIGHTS), fresh_heads, complete=heads is None)
    model = build()
    model.initialize(seed)
    fill(model, plan, weights.read(name for names in plan.sources.values() for name in names))
    info = read_json(path / "encodery.json") if (path / "encodery.json").is_file() else {}
    tokenizer = Tokenizer.load(path)
    if tokenizer.vocab_size > config.vocab_size:
        raise UserError(
            f"{path}: the tokenizer has {tokenizer.vocab_size} tokens, but config.json's vocab_size is "
            f"{config.vocab_size}; the two belong to different models"
        )
    return ModelFolder(family, model, tokenizer, chosen, info, plan.fresh)


def find_family(config_json: Mapping[str, Any], source: str) -> Family:
    """The family that a `config.json` names.

    Raises:
        UserError: none is named, or one that is not implemented.
    """
    model_type = config_json.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise UserError(f"{source}: model_type = {model_type!r} is not supported; one of {', '.join(FAMILIES)} is")
    return FAMILIES[model_type]


def find_heads(family: Family, config_json: Mapping[str, Any], source: str) -> frozenset[str]:
    """The heads of the class that a `config.json` announces.

    Raises:
        UserError: none is announced, or one that is not implemented.
    """
    announced = config_json.get("architectures") or [None]
    for heads, architecture in family.architectures.items():
        if announced == [architecture]:
            return heads
    allowed = ", ".join(family.architectures.values())
    raise UserError(f"{source}: architectures = {announced} is not supported; one of {allowed} is")


def read_labels(config_json: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """Class names by index from `id2label`.

    Raises:
        UserError: `id2label` is not a table of the numbers 0 to n-1.
    """
    table = config_json.get("id2label") or {}
    try:
        return tuple(str(table[str(index)]) for index in range(len(table)))
    except (KeyError, TypeError):
        raise UserError(f"{source}: id2label = {table!r}; its keys must be the numbers 0 to n-1") from None


def save_folder(path: Path, folder: ModelFolder) -> None:
    """Write every file of a model folder into an existing directory (the caller publishes it)."""
    model = folder.model
    config_json = config_to_theirs(folder.family, model.config, list(model.heads))
    if folder.labels:
        config_json["id2label"] = {str(index): label for index, label in enumerate(folder.labels)}
        config_json["label2id"] = {label: index for index, label in enumerate(folder.labels)}
        config_json["problem_type"] = "single_label_classification"
    write_json(path / "config.json", config_json)
    write_json(path / "encodery.json", {"encodery_version": __version__, **folder.info})
    folder.tokenizer.save(path)
    state: dict[str, Tensor] = state_to_theirs(folder.family, model)
    save_file(state, path / WEIGHTS, metadata={"format": "pt"})
