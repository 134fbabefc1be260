"""What a reader of an original checkpoint gives, and how that becomes a model folder."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from encodery.config import write_json
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.family import Family, config_from_theirs
from encodery.families.folder import ModelFolder
from encodery.families.name_map import assign, fill, has_pooler
from encodery.model.skeleton import shapes_only
from encodery.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class TensorSource:
    """A weight that is read when it is wanted."""

    shape: tuple[int, ...]
    read: Callable[[], Tensor]


def in_memory(value: Tensor) -> TensorSource:
    """A weight that is there, of any precision; in fp32 it is wanted one by one."""
    return TensorSource(tuple(value.shape), lambda: value.float().contiguous())


@dataclass(frozen=True)
class Original:
    """An original checkpoint in today's names."""

    family: str
    source: str
    """Its file, for messages."""
    config_json: Mapping[str, Any]
    """As Hugging Face's `config.json`."""
    tensors: Mapping[str, TensorSource]
    """Under Hugging Face's names and in its orientation."""
    tokenizer_files: Mapping[str, str | bytes | Mapping[str, Any]]
    """Classic vocabulary files by name: text, bytes, or a table to be written as JSON."""
    spare_rows: int = 0
    """Rows of the table of words, behind those of the vocabulary, that no token has."""


def to_folder(original: Original) -> ModelFolder:
    """The model with the heads that the checkpoint holds, and its tokenizer. Each tensor is consumed exactly once.

    Raises:
        UserError: the weights do not fit the config or the vocabulary; both sides are listed.
    """
    family = FAMILIES[original.family]
    config = config_from_theirs(family, original.config_json, original.source)
    shapes = {name: tensor.shape for name, tensor in original.tensors.items()}
    heads = _heads(family, shapes, original.source)
    pooler = not heads and has_pooler(family, shapes)
    num_labels = _num_labels(family, heads, shapes)
    with shapes_only():  # compared with the file before memory is taken
        model = family.model(config, heads, num_labels, pooler)
    plan = assign(family, model, shapes, original.source, complete=True)
    tokenizer = _tokenizer(original)
    if tokenizer.vocab_size + original.spare_rows != config.vocab_size:
        raise UserError(
            f"{original.source}: the vocabulary has {tokenizer.vocab_size} tokens, but vocab_size is "
            f"{config.vocab_size}; the two belong to different models"
        )
    assert not plan.fresh, "a complete checkpoint leaves nothing to draw"
    fill(model, plan, lambda names: {name: original.tensors[name].read() for name in names})
    labels = tuple(f"LABEL_{index}" for index in range(num_labels))
    settings = {key: original.config_json[key] for key in family.kept if key in original.config_json}
    return ModelFolder(family, model, tokenizer, labels, settings=settings)


def _heads(family: Family, names: Mapping[str, tuple[int, ...]], source: str) -> frozenset[str]:
    """The heads of the first class that accounts for all that stands on the encoder.

    A layer named `classifier` may stand on the first token or on every token: the checkpoint does not say, and it is
    read as the first of these.
    """
    present = {head: record.weights for head, record in family.heads.items() if record.weights <= set(names)}
    weights = frozenset().union(*present.values())
    for heads in family.architectures:
        if heads <= present.keys() and frozenset().union(*(present[head] for head in heads)) == weights:
            return heads
    found = ", ".join(sorted(present))
    raise UserError(f"{source}: the heads {found} do not occur together in a {family.model_type}")


def _num_labels(family: Family, heads: frozenset[str], shapes: Mapping[str, tuple[int, ...]]) -> int:
    if "sequence" not in heads:
        return 0
    theirs = family.heads["sequence"].name_map["out.weight"]
    assert isinstance(theirs, str)
    return shapes[theirs][0]


def _tokenizer(original: Original) -> Tokenizer:
    with tempfile.TemporaryDirectory(prefix="encodery-import-") as name:
        for file, content in original.tokenizer_files.items():
            if isinstance(content, bytes):
                (Path(name) / file).write_bytes(content)
            elif isinstance(content, str):
                (Path(name) / file).write_text(content, encoding="utf-8")
            else:
                write_json(Path(name) / file, dict(content))
        return Tokenizer.load(Path(name))
