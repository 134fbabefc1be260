"""The dense graph of a model for one head, made of operations that every engine knows.

It begins behind the tables of embeddings (`deploy/tables.py`), so it holds no vocabulary but that of a vocabulary
head, and a table is in memory once however often the graph is compiled. Packed tokens go in: those of other sequences
are hidden from a token by a block-diagonal mask, so one graph serves a single text and many short ones alike, with
padding as one more sequence. Behind its attention the last layer computes only the rows that the head reads.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from encodery.model.attention import Hidden
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.model.layers import Layer
from encodery.model.rope import rotations

Reads = Literal["tokens", "rows", "means"]
"""Every token; rows that are named (the first token of each sequence, or masked ones); the mean of each sequence."""


def reads_of(model: Model, head: str | None) -> Reads:
    """What a head reads of the last layer; the hidden states themselves (None) are those of every token."""
    if head is None:
        return "tokens"
    shape = model.shapes[head]
    if shape.outputs == "vocabulary":
        return "rows"
    if shape.reads == "tokens":
        return "tokens"
    return "means" if model.config.classifier_pooling == "mean" else "rows"


class Graph(nn.Module):
    """`embedded` and `sequence_ids`, and as far as the model needs them `position_ids`, `rows` and `weights`, to
    `values`."""

    def __init__(self, model: Model, head: str | None, reads: Reads) -> None:
        super().__init__()
        encoder = model.encoder
        self.config = model.config
        self.reads = reads
        self.embedding_norm = encoder.embeddings.norm
        self.layers = encoder.layers
        self.norm = encoder.norm
        self.reaches: set[int | None] = {cast(Layer, layer).attention.reach for layer in encoder.layers}
        self.rope_thetas = encoder.rope_thetas
        pooled = head is not None and model.shapes[head].pooled
        self.pooler = model.pooler if pooled else None
        self.head = model.heads[head] if head is not None else nn.Identity()
        self.names = input_names(model.config, reads)

    def forward(self, *inputs: Tensor) -> Float[Tensor, "rows outputs"]:
        return self.say(self.read(*inputs))

    def read(self, *inputs: Tensor) -> Float[Tensor, "rows hidden"]:
        """What the head, with its pooler, reads."""
        given: Mapping[str, Any] = dict(zip(self.names, inputs, strict=True))
        rows = given.get("rows")
        hidden: Tensor = self.embedding_norm(given["embedded"])
        seen = Hidden.between(given["sequence_ids"], self.reaches)
        turns = rotations(given["position_ids"], self.config.head_dim, self.rope_thetas) if self.rope_thetas else {}
        for number, layer in enumerate(self.layers):
            hidden = layer(hidden, None, seen, turns, rows if number == len(self.layers) - 1 else None)
        hidden = self.norm(hidden)
        if self.reads == "means":
            hidden = torch.matmul(given["weights"], hidden)
        return hidden

    def say(self, hidden: Float[Tensor, "rows hidden"]) -> Float[Tensor, "rows outputs"]:
        """What the head says of that."""
        values: Tensor = self.head(hidden if self.pooler is None else self.pooler(hidden))
        return values


HIDDEN = "hidden"
"""What the tensor is called that a graph's head reads."""


class WithHidden(nn.Module):
    """A graph that gives what its head reads beside its values: by this, engines are compared."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.dense = graph  # "graph" is what torch.export's own modules have

    def forward(self, *inputs: Tensor) -> tuple[Float[Tensor, "rows outputs"], Float[Tensor, "rows hidden"]]:
        hidden = self.dense.read(*inputs)
        return self.dense.say(hidden), hidden


def input_names(config: EncoderConfig, reads: Reads) -> tuple[str, ...]:
    """What a graph is given, in order."""
    names = ["embedded", "sequence_ids"]
    if config.position == "rope":
        names.append("position_ids")
    return (*names, *{"tokens": (), "rows": ("rows",), "means": ("weights",)}[reads])


def example_inputs(
    config: EncoderConfig, reads: Reads, tokens: int, rows: int
) -> dict[str, Int[Tensor, "..."] | Float[Tensor, "..."]]:
    """Inputs of the right shapes: one sequence."""
    made = {
        "embedded": torch.zeros(tokens, config.hidden_size),
        "sequence_ids": torch.zeros(tokens, dtype=torch.int64),
        "position_ids": torch.arange(tokens),
        "rows": torch.zeros(rows, dtype=torch.int64),
        "weights": torch.full((rows, tokens), 1 / tokens),
    }
    return {name: made[name] for name in input_names(config, reads)}


def trace(model: Model, head: str | None) -> torch.export.ExportedProgram:
    """The graph of a model for a head, or of its hidden states, for any number of tokens and rows; the form that
    every engine is exported from. With a head it has a second output, what the head reads."""
    reads = reads_of(model, head)
    inputs = example_inputs(model.config, reads, tokens=17, rows=2)
    tokens, rows = torch.export.Dim("tokens", min=1, max=1 << 20), torch.export.Dim("rows", min=1, max=1 << 17)
    sizes = {"rows": {0: rows}, "weights": {0: rows, 1: tokens}}
    shapes = (tuple(sizes.get(name, {0: tokens}) for name in inputs),)
    graph = Graph(model, head, reads)
    whole = (graph if head is None else WithHidden(graph)).eval()
    with torch.no_grad():
        return torch.export.export(whole, tuple(inputs.values()), dynamic_shapes=shapes)


def module_of(node: torch.fx.Node) -> str:
    """Where in a `Graph` an operation of a traced one is: `layers.0.mlp.up`."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return str(paths[-1]).removeprefix("dense.") if paths else ""
