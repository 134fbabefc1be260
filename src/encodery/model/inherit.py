"""A student that begins with parts of its teacher, as far as the two are of one shape (DistilBERT, Sanh et al. 2019,
section 3: "taking one layer out of two")."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.layers import Embeddings

LAYER_FIELDS = (
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "hidden_act",
    "norm",
    "norm_bias",
    "attention_bias",
    "mlp_bias",
    "gated_mlp",
)
"""What two configs must agree on for a layer of the one to be a layer of the other, and whether positions turn it."""


def evenly_spaced(count: int, of: int) -> tuple[int, ...]:
    """So many layers of `of`, from the first to the last: 6 of 12 are 0, 2, 4, 7, 9 and 11, the paper's."""
    return tuple(round(i * (of - 1) / max(1, count - 1)) for i in range(count))


def differing_fields(student: EncoderConfig, teacher: EncoderConfig) -> list[str]:
    """The fields for which no layer of the teacher can be one of the student, each with both values."""
    pairs = [(name, getattr(student, name), getattr(teacher, name)) for name in LAYER_FIELDS]
    if "rope" in (student.position, teacher.position):
        pairs.append(("position", student.position, teacher.position))
    return [f"{name} = {ours!r} and {theirs!r}" for name, ours, theirs in pairs if ours != theirs]


def check_layers(student: EncoderConfig, teacher: EncoderConfig, layers: Sequence[int]) -> None:
    """Raises `ValueError` if these layers of the teacher cannot be the student's."""
    if differ := differing_fields(student, teacher):
        raise ValueError(f"no layer of the teacher can be copied: the student and it have {', '.join(differ)}")
    if len(layers) != student.num_hidden_layers:
        raise ValueError(f"{len(layers)} layers are named, but the student has {student.num_hidden_layers}")
    if max(layers) >= teacher.num_hidden_layers:
        last = teacher.num_hidden_layers - 1
        raise ValueError(f"the teacher has no layer {max(layers)}; its layers are 0 to {last}")


@torch.no_grad()
def inherit(student: Model, teacher: Model, layers: Sequence[int]) -> list[str]:
    """Copy the named layers of the teacher, its embeddings and its head over the vocabulary; says what was copied.

    What is of another shape stays as it was drawn: the layers where `differing_fields` finds something, all else
    where the widths differ. Both have the same vocabulary. The embeddings give what the teacher's give for one text:
    where positions begin at another row the table is shifted, and where the student has no token types, the vector of
    the first type is added to the positions.
    """
    if student.config.hidden_size != teacher.config.hidden_size:
        return []
    copied = ["embeddings"]
    _embeddings(student.encoder.embeddings, teacher.encoder.embeddings)
    if layers and not differing_fields(student.config, teacher.config):
        for own, number in zip(student.encoder.layers, layers, strict=True):
            _copy(own, teacher.encoder.layers[number])
        _copy(student.encoder.norm, teacher.encoder.norm)
        copied.append(f"layers {', '.join(map(str, layers))}")
    if "mlm" in student.heads and "mlm" in teacher.heads:
        _copy(student.heads["mlm"], teacher.heads["mlm"])
        copied.append("head")
    return copied


def _copy(to: nn.Module, of: nn.Module) -> None:
    """Every weight that both have under one name in one shape."""
    theirs = of.state_dict()
    for name, tensor in to.state_dict().items():
        if name in theirs and theirs[name].shape == tensor.shape:
            tensor.copy_(theirs[name])


def _embeddings(to: Embeddings, of: Embeddings) -> None:
    _copy(to.word, of.word)
    _copy(to.norm, of.norm)
    if to.language is not None and of.language is not None:
        _copy(to.language, of.language)
    if isinstance(to.position, nn.Embedding) and of.position is not None:
        table = of.position.state_dict()["weight"]  # learned, or the fixed sinusoids
        _positions(to.position.weight[to.position_offset :], table[of.position_offset :])
    types = None if of.token_type is None else of.token_type.weight
    if to.token_type is not None:
        for number, row in enumerate(to.token_type.weight):
            row.copy_(types[min(number, len(types) - 1)]) if types is not None else row.zero_()
    elif types is not None and isinstance(to.position, nn.Embedding):
        to.position.weight[to.position_offset :] += types[0]


def _positions(to: Float[Tensor, "ours hidden"], of: Float[Tensor, "theirs hidden"]) -> None:
    """The positions that both have."""
    count = min(len(to), len(of))
    to[:count] = of[:count]
