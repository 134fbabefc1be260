"""BERT as Google published it (Devlin et al. 2019): a TensorFlow checkpoint, `bert_config.json`, `vocab.txt`."""

import re
from collections.abc import Iterator
from pathlib import Path

import torch

from encodery.config import read_json
from encodery.errors import UserError
from encodery.originals.original import Original, TensorSource
from encodery.originals.tensorflow import INDEX_SUFFIX, TensorFlowCheckpoint
from encodery.text.stored import read_text

CONFIG = "bert_config.json"
VOCABULARY = "vocab.txt"

_NO_WEIGHT = re.compile(
    r"(?:^|/)(?:global_step|good_steps|bad_steps|loss_scale|adam_[mv]|_CHECKPOINTABLE_OBJECT_GRAPH)$"
    r"|/Adam(?:WeightDecay)?Optimizer"
)
"""What the optimizer left beside the weights."""
_RENAMED = (
    (r"/layer_(\d+)/", r"/layer/\1/"),
    (r"/(?:kernel|gamma)$", "/weight"),
    (r"/beta$", "/bias"),
    (r"_embeddings$", "_embeddings/weight"),
    (r"^cls/predictions/output_bias$", "cls/predictions/bias"),
    (r"^cls/squad/output_(weight|bia)s$", r"qa_outputs/\1s"),
    (r"^output_(weight|bia)s$", r"classifier/\1s"),
    (r"/output_(weight|bia)s$", r"/\1s"),
    (r"/weights$", "/weight"),
    ("/", "."),
)


def find(path: Path) -> Original | None:
    """The checkpoint at `path`: its prefix, its `.index`, or the folder of exactly one; None if it is no such thing.

    Raises:
        UserError: the checkpoint is damaged or files that belong to it are missing.
    """
    indexes = sorted(path.glob(f"*{INDEX_SUFFIX}")) if path.is_dir() else [path.with_name(path.name + INDEX_SUFFIX)]
    if path.name.endswith(INDEX_SUFFIX) and path.is_file():
        indexes = [path]
    if len(indexes) > 1:
        listed = ", ".join(index.name for index in indexes)
        raise UserError(f"{path}: holds {len(indexes)} checkpoints ({listed}); name the one to import")
    if not indexes or not indexes[0].is_file():
        return None
    index = indexes[0]
    checkpoint = TensorFlowCheckpoint(index.with_name(index.name.removesuffix(INDEX_SUFFIX)))
    tokens = _vocabulary(index.parent / VOCABULARY)
    return Original(
        family="bert",
        source=str(index),
        config_json={**read_json(index.parent / CONFIG), "model_type": "bert"},
        tensors=dict(_tensors(checkpoint)),
        tokenizer_files={
            VOCABULARY: "".join(f"{token}\n" for token in tokens),
            "tokenizer_config.json": {"do_lower_case": not _has_capitals(tokens)},
        },
    )


def _tensors(checkpoint: TensorFlowCheckpoint) -> Iterator[tuple[str, TensorSource]]:
    """Today's name → the tensor, as it lies there; TensorFlow multiplies from the other side."""
    for name, shape in checkpoint.shapes.items():
        if _NO_WEIGHT.search(name):
            continue
        transposed = name.endswith("/kernel")

        def read(name: str = name, transposed: bool = transposed) -> torch.Tensor:
            values = torch.from_numpy(checkpoint.read(name).copy())
            return values.T.contiguous() if transposed else values

        yield _today(name), TensorSource(shape[::-1] if transposed else shape, read)


def _today(name: str) -> str:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def _vocabulary(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; BERT's vocabulary lies beside its checkpoint, fetch it, too")
    return read_text(path).removesuffix("\n").split("\n")


def _has_capitals(tokens: list[str]) -> bool:
    """A vocabulary that was made from lower-cased text has none; nothing else in the release says which it was."""
    return any(token != token.lower() for token in tokens if not re.fullmatch(r"\[.*\]", token))
