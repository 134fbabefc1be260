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

from encodery import __version__
from encodery.artifact import MANIFEST, verify
from encodery.config import read_json, write_json
from encodery.errors import UserError
from encodery.families.encoder_decoder import (
    DECODING,
    ENCODER,
    TOKEN_KEYS,
    find_pair,
    is_translator,
    plan_translator,
    read_translator,
    side,
    translator_config_to_theirs,
    translator_to_theirs,
)
from encodery.families.family import Family, config_from_theirs, config_to_theirs
from encodery.families.name_map import assign, copies, fill, has_pooler, shared_heads, state_to_theirs
from encodery.families.stated import (
    ProblemType,
    announced_heads,
    find_family,
    find_heads,
    read_labels,
    read_problem_type,
    read_settings,
)
from encodery.families.weights import WEIGHTS, WeightFiles
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.skeleton import shapes_only
from encodery.model.translator import HEAD as TRANSLATION
from encodery.model.translator import Translator
from encodery.text.tokenizer import Tokenizer

MAX_LAYERS = 1 << 10
"""Where no weights say how many there are."""


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
    problem_type: ProblemType | None = None
    """What the logits of a sequence head mean; None: one label is a regression, several are classes."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of `config.json` that the family keeps as they are (`Family.kept`), XLM's `lang2id` for one."""

    @property
    def what_labels_are(self) -> ProblemType:
        """`problem_type`, and what the classes of `transformers` take it for where a config does not say."""
        return self.problem_type or ("regression" if len(self.labels) == 1 else "single_label_classification")

    @property
    def languages(self) -> Mapping[str, int] | None:
        """The model's languages by name; None if it has no vectors of languages."""
        return (self.settings.get("lang2id") or {}) if self.model.config.has_language_embeddings else None


def load_folder(
    path: Path, heads: Collection[str] | None = None, labels: Sequence[str] | None = None, seed: int = 0
) -> ModelFolder:
    """Read a model folder, ours or anyone's, with the heads that the caller wants (default: those that it has).

    `labels` are the classes of a head that has some (default: those of the folder); a head for other classes than the
    folder's starts fresh, and so does one whose weights there belong to a head of another kind. What the folder lacks
    is drawn with `seed`.

    Raises:
        UserError: a file is missing, damaged, of another family, or its weights do not fit `config.json`.
    """
    if not path.is_dir():
        what = "a file, not a folder" if path.is_file() else "no such folder"
        raise UserError(f"{path}: {what}; a model folder has config.json, {WEIGHTS} and a tokenizer")
    refuse_links(path)
    if (path / MANIFEST).is_file():
        verify(path)  # ours: every file has a recorded hash
    config_json = read_json(path / "config.json")
    source = str(path / "config.json")
    if is_translator(config_json):
        return _load_translator(path, config_json, heads, WeightFiles(path))
    family = find_family(config_json, source)
    config = config_from_theirs(family, config_json, source)
    wanted = find_heads(family, config_json, source) if heads is None else heads
    labelled = [head for head in wanted if head in family.heads and family.heads[head].shape.has_labels]
    stored = read_labels(config_json, source) if labelled else ()
    chosen = stored if labels is None else tuple(labels)
    problem_type = read_problem_type(config_json, source)
    weights = WeightFiles(path)
    _check_layers(config, weights, source)
    pooler = not wanted and has_pooler(family, weights.shapes)
    build = partial(family.model, config, wanted, len(chosen), pooler)
    with shapes_only():  # compared with the file before memory is taken
        model = build()
    announced = announced_heads(family, config_json)
    fresh_heads = shared_heads(family, set(wanted) - announced, announced) if announced else set()
    fresh_heads |= set(labelled) if chosen != stored else set()
    plan = assign(family, model, weights.shapes, str(path / WEIGHTS), fresh_heads, complete=heads is None)
    if "mlm" in wanted:
        _check_copies(family, weights, str(path / WEIGHTS))
    if plan.fresh:
        model = build()
        model.initialize(seed)
    fill(model, plan, weights.read)
    info = read_json(path / "encodery.json") if (path / "encodery.json").is_file() else {}
    tokenizer = Tokenizer.load(path)
    _check_tokenizer(path, tokenizer, config.vocab_size)
    settings = read_settings(family, config, config_json, source)
    if chosen != stored:
        problem_type = None
    return ModelFolder(family, model, tokenizer, chosen, info, plan.fresh, problem_type, settings)


def _load_translator(
    path: Path, config_json: Mapping[str, Any], heads: Collection[str] | None, weights: WeightFiles | None
) -> ModelFolder:
    """An encoder with its decoder; without `weights` in shapes alone."""
    source = str(path / "config.json")
    if heads is not None and set(heads) != {TRANSLATION}:
        asked = "+".join(sorted(heads)) or "none"
        raise UserError(f"{source}: a model with a decoder has the head {TRANSLATION}, not the asked {asked}")
    pair = find_pair(config_json, source)
    for config in pair.sizes:
        if config.num_hidden_layers > MAX_LAYERS:
            raise UserError(
                f"{source}: num_hidden_layers = {config.num_hidden_layers}; at most {MAX_LAYERS} are allowed"
            )
    if weights is None:
        with shapes_only():
            model = pair.build()
    else:
        for config in pair.sizes:
            _check_layers(config, weights, source)
        model = read_translator(pair, weights, str(path / WEIGHTS))
    info = read_json(path / "encodery.json") if (path / "encodery.json").is_file() else {}
    tokenizer = Tokenizer.load(path)
    for config in pair.sizes:
        _check_tokenizer(path, tokenizer, config.vocab_size)
    settings = read_settings(pair.family, pair.encoder, side(config_json, ENCODER, source), source)
    settings[DECODING] = {key: config_json[key] for key in TOKEN_KEYS if config_json.get(key) is not None}
    return ModelFolder(pair.family, model, tokenizer, info=info, settings=settings)


def read_folder(path: Path) -> ModelFolder:
    """A folder without its weights: its model has shapes, but no numbers, and takes no memory.

    Raises:
        UserError: a file is missing or damaged.
    """
    config_json, source = read_json(path / "config.json"), str(path / "config.json")
    if is_translator(config_json):
        return _load_translator(path, config_json, None, None)
    family = find_family(config_json, source)
    config = config_from_theirs(family, config_json, source)
    heads = find_heads(family, config_json, source)
    labelled = any(family.heads[head].shape.has_labels for head in heads)
    labels = read_labels(config_json, source) if labelled else ()
    if config.num_hidden_layers > MAX_LAYERS:
        raise UserError(f"{source}: num_hidden_layers = {config.num_hidden_layers}; at most {MAX_LAYERS} are allowed")
    with shapes_only():
        model = family.model(config, heads, len(labels), False)
    info = read_json(path / "encodery.json") if (path / "encodery.json").is_file() else {}
    tokenizer = Tokenizer.load(path)
    _check_tokenizer(path, tokenizer, config.vocab_size)
    settings = read_settings(family, config, config_json, source)
    problem_type = read_problem_type(config_json, source)
    return ModelFolder(family, model, tokenizer, labels, info, (), problem_type, settings)


def check_folder(path: Path, tokenizer: Tokenizer | None) -> None:
    """Whether the parts of a folder with a `config.json` belong together, without reading its weights.

    Raises:
        UserError: weights, `config.json` and the tokenizer (None: there is none) disagree, or a file is damaged.
    """
    config_json, source = read_json(path / "config.json"), str(path / "config.json")
    weights = WeightFiles(path)
    if is_translator(config_json):
        _check_translator(path, config_json, weights, tokenizer)
        return
    family = find_family(config_json, source)
    config = config_from_theirs(family, config_json, source)
    _check_layers(config, weights, source)
    heads = announced_heads(family, config_json)
    if heads is not None:
        labelled = any(family.heads[head].shape.has_labels for head in heads)
        labels = read_labels(config_json, source) if labelled else ()
        with shapes_only():
            model = family.model(config, heads, len(labels), not heads and has_pooler(family, weights.shapes))
        assign(family, model, weights.shapes, str(path / WEIGHTS), complete=True)
    if tokenizer:
        _check_tokenizer(path, tokenizer, config.vocab_size)


def _check_translator(
    path: Path, config_json: Mapping[str, Any], weights: WeightFiles, tokenizer: Tokenizer | None
) -> None:
    source = str(path / "config.json")
    pair = find_pair(config_json, source)
    for config in pair.sizes:
        _check_layers(config, weights, source)
        if tokenizer:
            _check_tokenizer(path, tokenizer, config.vocab_size)
    with shapes_only():
        model = pair.build()
    plan_translator(pair.family, model, weights.shapes, str(path / WEIGHTS))


def _check_layers(config: EncoderConfig, weights: WeightFiles, source: str) -> None:
    if config.num_hidden_layers > len(weights.shapes):
        raise UserError(
            f"{source}: num_hidden_layers = {config.num_hidden_layers}, but the weights hold only "
            f"{len(weights.shapes)} tensors"
        )


def _check_tokenizer(path: Path, tokenizer: Tokenizer, vocab_size: int) -> None:
    if tokenizer.vocab_size > vocab_size:
        raise UserError(
            f"{path}: the tokenizer has {tokenizer.vocab_size} tokens, but config.json's vocab_size is "
            f"{vocab_size}; the two belong to different models"
        )


def refuse_links(folder: Path) -> None:
    """Refuse a folder that brings in files from elsewhere.

    The cache of the Hugging Face hub may: its folders are links to `blobs`, beside the `snapshots` they are in.

    Raises:
        UserError: an entry is a symbolic link that leads out of the folder.
    """
    home = folder.resolve()
    allowed = [home, home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [home]
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink() and not any(entry.resolve().is_relative_to(place) for place in allowed):
            raise UserError(f"{entry}: a symbolic link that leads out of the folder; put the file itself there")


def _check_copies(family: Family, weights: WeightFiles, source: str) -> None:
    """Raises `UserError` if weights that are one here are two different ones in the file."""
    for copy, original in copies(family, weights.shapes):
        read = weights.read((copy, original))
        if not torch.equal(read[copy], read[original]):
            raise UserError(
                f"{source}: {copy} and {original} must be the same weight, but differ; a model trained with untied "
                "weights is not supported, load it without its vocabulary head"
            )


def read_sizes(path: Path) -> EncoderConfig:
    """The sizes that the `config.json` of a folder states, of two models those of the encoder; its weights are not
    opened.

    Raises:
        UserError: there is no such file, it is damaged, or of another family.
    """
    file = path / "config.json"
    config_json = read_json(file)
    if is_translator(config_json):
        return find_pair(config_json, str(file)).encoder
    return config_from_theirs(find_family(config_json, str(file)), config_json, str(file))


def save_folder(path: Path, folder: ModelFolder) -> None:
    """Write every file of a model folder into an existing directory (the caller publishes it)."""
    save_description(path, folder)
    family, model = folder.family, folder.model
    state = translator_to_theirs(family, model) if isinstance(model, Translator) else state_to_theirs(family, model)
    save_file(state, path / WEIGHTS, metadata={"format": "pt"})


def save_description(path: Path, folder: ModelFolder) -> None:
    """Every file but the weights."""
    model = folder.model
    config_json = _their_config(folder)
    if folder.labels:
        config_json["id2label"] = {str(index): label for index, label in enumerate(folder.labels)}
        config_json["label2id"] = {label: index for index, label in enumerate(folder.labels)}
    if "sequence" in model.heads:
        config_json["problem_type"] = folder.what_labels_are
    write_json(path / "config.json", config_json)
    write_json(path / "encodery.json", {"encodery_version": __version__, **folder.info})
    folder.tokenizer.save(path)


def _their_config(folder: ModelFolder) -> dict[str, Any]:
    family, model, tokenizer = folder.family, folder.model, folder.tokenizer
    if isinstance(model, Translator):
        ends = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id)
        stated = dict(zip(TOKEN_KEYS, ends, strict=True))
        return translator_config_to_theirs(family, model, folder.settings, stated)
    token_ids = {key: getattr(tokenizer, name) for key, name in family.token_ids.items()}
    return {**config_to_theirs(family, model.config, list(model.heads)), **token_ids, **folder.settings}
