"""A translator as two graphs: one for the source, one for each token of the translation.

The first ends, in the place of a head, with the keys and values that every layer of the decoder will look at. The
second reads the next token of each beam, with the keys and values of the past; it gives what may come next, and the
token's own keys and values, which the caller keeps. Both begin behind the tables of embeddings.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from encodery.deploy.graph import trace
from encodery.model.config import EncoderConfig
from encodery.model.decoder import DecoderLayer
from encodery.model.heads import HeadShape, Model
from encodery.model.translator import Translator

ACROSS = "across"
"""The name of what ends the graph of the source."""
STEP_INPUTS = ("embedded", "past", "own", "across", "seen")
FAR = -1e9
"""What is added to the score of a key that is not to be seen: no infinity, which engines treat in their own ways."""


def across(model: Translator) -> nn.Linear:
    """Keys and values of all layers side by side, each layer's as (key and value, heads, size), in one product."""
    layers = [layer.cross_attention.key_value for layer in model.decoder.stack]
    bias = layers[0].bias is not None
    joined = nn.Linear(model.decoder_config.hidden_size, sum(layer.out_features for layer in layers), bias=bias)
    with torch.no_grad():
        joined.weight.copy_(torch.cat([layer.weight for layer in layers]))
        if bias:
            joined.bias.copy_(torch.cat([layer.bias for layer in layers]))
    return joined


class SourceModel(Model):
    """The encoder of a translator as a model whose one head is `across`."""

    def __init__(self, model: Translator) -> None:
        super().__init__(model.config, {})
        self.encoder = model.encoder
        self.shapes = {ACROSS: HeadShape(1, "tokens", dropout_before=())}
        self.heads[ACROSS] = across(model)


class StepGraph(nn.Module):
    """`STEP_INPUTS` to `values`: of each beam the logits of the next token, then the new keys and values.

    Shapes, with the sentences first: `embedded` (sentences, beams, hidden), `past` (sentences, layers, key and value,
    heads, past, size), `own` (sentences, beams, past) and `seen` (sentences, source) what is added to scores,
    `across` as `past`, of the source.
    """

    def __init__(self, model: Translator) -> None:
        super().__init__()
        config = model.decoder_config
        self.heads, self.size = config.num_attention_heads, config.head_dim
        self.embedding_norm = model.decoder.embeddings.norm
        self.layers = model.decoder.layers
        self.norm = model.decoder.norm
        self.head = model.head

    def forward(
        self, embedded: Tensor, past: Tensor, own: Tensor, across: Tensor, seen: Tensor
    ) -> Float[Tensor, "rows outputs"]:
        shape = embedded.shape[:2]
        hidden: Tensor = self.embedding_norm(embedded.flatten(0, 1))
        made = []
        for number, layer in enumerate(self._stack()):
            qkv = layer.attention.qkv(layer.take(hidden, layer.attention_norm))
            query, key, value = self._split(qkv, 3, shape)
            made.append(qkv[:, qkv.shape[1] // 3 :])
            update = layer.attention.out(self._look_back(query, key, value, past[:, number], own))
            hidden = layer.add(update, hidden, layer.attention_norm, 0.0)
            (query,) = self._split(layer.cross_attention.query(layer.take(hidden, layer.cross_norm)), 1, shape)
            update = layer.cross_attention.out(self._look_across(query, across[:, number], seen))
            hidden = layer.add(update, hidden, layer.cross_norm, 0.0)
            hidden = layer.feed(hidden)
        logits: Tensor = self.head(self.norm(hidden))
        return torch.cat([logits, *made], -1)

    def _stack(self) -> Iterator[DecoderLayer]:
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            yield layer

    def _split(self, values: Tensor, parts: int, shape: torch.Size) -> tuple[Tensor, ...]:
        """As (sentences, heads, beams, size) each."""
        split = values.view(*shape, parts, self.heads, self.size).permute(2, 0, 3, 1, 4)
        return split.unbind(0)

    def _look_back(self, query: Tensor, key: Tensor, value: Tensor, past: Tensor, own: Tensor) -> Tensor:
        """The new token sees its past and itself, whose key lies in no pool yet."""
        query = query * self.size**-0.5
        before = torch.matmul(query, past[:, 0].transpose(2, 3)) + own[:, None]
        itself = (query * key).sum(-1, keepdim=True)
        shares = torch.softmax(torch.cat([before, itself], -1), -1)
        mixed = torch.matmul(shares[..., :-1], past[:, 1]) + shares[..., -1:] * value
        return self._joined(mixed)

    def _look_across(self, query: Tensor, across: Tensor, seen: Tensor) -> Tensor:
        scores = torch.matmul(query * self.size**-0.5, across[:, 0].transpose(2, 3)) + seen[:, None, None]
        return self._joined(torch.matmul(torch.softmax(scores, -1), across[:, 1]))

    def _joined(self, mixed: Tensor) -> Tensor:
        return mixed.transpose(1, 2).flatten(2).flatten(0, 1)


@dataclass(frozen=True)
class Programs:
    """A translator, traced."""

    source: torch.export.ExportedProgram
    step: torch.export.ExportedProgram


def trace_translator(model: Translator) -> Programs:
    """Both graphs, for any numbers of tokens, sentences and beams; the form that every engine is exported from."""
    return Programs(trace(SourceModel(model).eval(), ACROSS), trace_step(model))


def trace_step(model: Translator) -> torch.export.ExportedProgram:
    """The graph of a token."""
    config = model.decoder_config
    sentences, beams = torch.export.Dim("sentences", min=1, max=1 << 16), torch.export.Dim("beams", min=1, max=64)
    past, source = torch.export.Dim("past", min=1, max=1 << 20), torch.export.Dim("source", min=1, max=1 << 16)
    shapes = (
        {0: sentences, 1: beams},
        {0: sentences, 4: past},
        {0: sentences, 1: beams, 2: past},
        {0: sentences, 4: source},
        {0: sentences, 1: source},
    )
    with torch.no_grad():
        return torch.export.export(StepGraph(model).eval(), _example(config), dynamic_shapes=shapes)


def _example(config: EncoderConfig) -> tuple[Tensor, ...]:
    """Inputs of the right shapes: two sentences of three beams, five past keys, seven tokens of the source."""
    kept = (2, config.num_hidden_layers, 2, config.num_attention_heads)
    return (
        torch.zeros(2, 3, config.hidden_size),
        torch.zeros(*kept, 5, config.head_dim),
        torch.zeros(2, 3, 5),
        torch.zeros(*kept, 7, config.head_dim),
        torch.zeros(2, 7),
    )
