"""What stands on the encoder: the pooler, one small module per mechanism, and the model that holds them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from encodery.batch import Batch
from encodery.model.beam import Beam, BeamHead
from encodery.model.config import EncoderConfig
from encodery.model.cross_entropy import linear_cross_entropy
from encodery.model.encoder import Encoder, initialize
from encodery.model.layers import ACTIVATIONS, Embeddings, layer_norm
from encodery.model.tied_words import TiedWords

HEAD_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {**ACTIVATIONS, "tanh": torch.tanh, "none": lambda x: x}


@dataclass(frozen=True)
class HeadShape:
    """What a head computes of a token or sequence: `[dropout] [dense, activation, [norm]] [dropout] out`."""

    outputs: Literal["vocabulary", "labels", "beam"] | int
    """What its last layer has a number for; a beam head gives a `Beam`."""
    reads: Literal["tokens", "first"] = "first"
    """Every token, or the first of each sequence (the mean of all where `classifier_pooling` says so)."""
    pooled: bool = False
    """Whether the pooler comes before it."""
    dense: Literal["hidden", "labels"] | None = None
    """The width of its own dense layer, if it has one."""
    act: Literal["hidden_act", "classifier_activation", "gelu", "relu", "tanh", "none"] = "none"
    """What follows the dense layer; or the field of the config that says it."""
    norm: bool = False
    """Whether a norm follows that; the head over the vocabulary always has one behind its dense layer."""
    dropout: Literal["hidden_dropout_prob", "classifier_dropout", "qa_dropout"] = "classifier_dropout"
    """The field of the config that holds its probability."""
    dropout_before: tuple[Literal["dense", "out"], ...] = ("out",)

    @property
    def has_labels(self) -> bool:
        """Whether its size depends on the number of labels."""
        return "labels" in (self.outputs, self.dense)


BERT_HEADS: Mapping[str, HeadShape] = {
    "mlm": HeadShape("vocabulary", "tokens", dense="hidden", act="hidden_act", dropout_before=()),
    "nsp": HeadShape(2, pooled=True, dropout_before=()),
    "sequence": HeadShape("labels", pooled=True),
    "token": HeadShape("labels", "tokens"),
    "span": HeadShape(2, "tokens", dropout="qa_dropout"),
    "choice": HeadShape(1, pooled=True),
}
"""The heads by name, in the shapes that BERT gives them."""


class Pooler(nn.Module):
    """A dense layer and tanh over the first token of each sequence; NSP and classification share it."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first: Float[Tensor, "sequences hidden"]) -> Float[Tensor, "sequences hidden"]:
        return torch.tanh(self.dense(first))


class MaskedLMHead(nn.Module):
    """Transform, if it has one, then logits over the vocabulary through the word embeddings (tied)."""

    def __init__(self, config: EncoderConfig, shape: HeadShape, embeddings: Embeddings) -> None:
        super().__init__()
        if shape.dense:
            self.dense = nn.Linear(config.hidden_size, config.hidden_size, bias=config.classifier_bias)
            self.norm = layer_norm(config)
        self.transforms = shape.dense is not None
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=config.decoder_bias)
        self.decoder.weight = embeddings.word.weight
        self.tied = embeddings.tied = embeddings.tied or TiedWords()
        self.act = _activation(config, shape)

    def transform(self, hidden: Float[Tensor, "scored hidden"]) -> Float[Tensor, "scored hidden"]:
        if not self.transforms:
            return hidden
        transformed: Tensor = self.norm(self.act(self.dense(hidden)))
        return transformed

    def forward(self, hidden: Float[Tensor, "scored hidden"]) -> Float[Tensor, "scored vocabulary"]:
        logits: Tensor = self.decoder(self.transform(hidden))
        return logits

    def output(self) -> tuple[Float[Tensor, "vocabulary hidden"], Float[Tensor, " vocabulary"]]:
        """Weight and bias of the last layer; zeros where it has no bias."""
        weight, bias = self.tied.take(self.decoder.weight), self.decoder.bias
        return weight, weight.new_zeros(len(weight)) if bias is None else bias

    def loss(
        self, hidden: Float[Tensor, "scored hidden"], labels: Int[Tensor, " scored"], label_smoothing: float = 0.0
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """Cross entropy summed over the scored tokens (nats), and how many were guessed right."""
        return linear_cross_entropy(self.transform(hidden), *self.output(), labels, label_smoothing)


class Head(nn.Module):
    """A few numbers for each row of hidden states; what lies between is the shape's."""

    def __init__(self, config: EncoderConfig, shape: HeadShape, num_labels: int) -> None:
        super().__init__()
        sizes = {"hidden": config.hidden_size, "labels": num_labels, None: config.hidden_size}
        outputs = num_labels if shape.outputs == "labels" else int(shape.outputs)
        width = sizes[shape.dense]
        self.dense = nn.Linear(config.hidden_size, width, bias=config.classifier_bias) if shape.dense else None
        self.act = _activation(config, shape)
        self.norm = layer_norm(config) if shape.norm else nn.Identity()
        stated = getattr(config, shape.dropout)
        self.dropout = nn.Dropout(config.hidden_dropout_prob if stated is None else stated)
        self.dropout_before = shape.dropout_before
        self.out = nn.Linear(width, outputs)

    def forward(self, hidden: Float[Tensor, "rows hidden"]) -> Float[Tensor, "rows outputs"]:
        if self.dense is not None:
            hidden = self.act(self.dense(self.dropout(hidden) if "dense" in self.dropout_before else hidden))
            hidden = self.norm(hidden)
        logits: Tensor = self.out(self.dropout(hidden) if "out" in self.dropout_before else hidden)
        return logits


def mean_of_sequences(hidden: Float[Tensor, "tokens hidden"], batch: Batch) -> Float[Tensor, "sequences hidden"]:
    """The mean of each sequence's rows."""
    lengths = batch.cu_seqlens.diff()
    owners = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    sums = hidden.new_zeros(len(lengths), hidden.shape[1]).index_add(0, owners, hidden)
    return sums / lengths[:, None]


def _activation(config: EncoderConfig, shape: HeadShape) -> Callable[[Tensor], Tensor]:
    named = {"hidden_act": config.hidden_act, "classifier_activation": config.classifier_activation}
    return HEAD_ACTIVATIONS[named.get(shape.act, shape.act)]


class Model(nn.Module):
    """An encoder, its pooler if a head needs one, and the heads by name (those of `BERT_HEADS`)."""

    def __init__(
        self,
        config: EncoderConfig,
        heads: Collection[str] | Mapping[str, HeadShape],
        num_labels: int = 0,
        pooler: bool = False,
    ) -> None:
        """`heads` are shapes by name, or names alone for BERT's shapes.

        Raises `ValueError` for a head that does not exist.
        """
        super().__init__()
        self.config = config
        self.shapes = {
            name: heads[name] if isinstance(heads, Mapping) else _bert_head(name) for name in sorted(heads)
        }
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if pooler or any(shape.pooled for shape in self.shapes.values()) else None
        self.heads = nn.ModuleDict({name: self._head(shape, num_labels) for name, shape in self.shapes.items()})

    def _head(self, shape: HeadShape, num_labels: int) -> nn.Module:
        if shape.outputs == "beam":
            return BeamHead(self.config)
        if shape.outputs == "vocabulary":
            return MaskedLMHead(self.config, shape, self.encoder.embeddings)
        return Head(self.config, shape, num_labels)

    def initialize(self, seed: int) -> None:
        """Fresh weights everywhere, a function of `seed` alone."""
        generator = torch.Generator().manual_seed(seed)
        initialize(self, self.config.initializer_range, generator, self.config.embed_init_std)

    def reinitialize(self, pooler: bool, layers: int, seed: int) -> None:
        """Draw the pooler and the last `layers` layers anew: what stands nearest to one objective may serve another
        badly (Zhang et al., "Revisiting few-sample BERT fine-tuning", 2021, sec. 5).

        Raises `ValueError` if there is no pooler or there are fewer layers.
        """
        count = self.config.num_hidden_layers
        if layers > count or (pooler and self.pooler is None):
            raise ValueError(f"this model has {count} layers and {'a' if self.pooler else 'no'} pooler")
        parts: list[nn.Module] = [*self.encoder.layers[count - layers :]]
        if pooler and self.pooler is not None:
            parts.append(self.pooler)
        generator = torch.Generator().manual_seed(seed)
        for part in parts:
            initialize(part, self.config.initializer_range, generator)

    def pool(self, first: Float[Tensor, "sequences hidden"]) -> Float[Tensor, "sequences hidden"]:
        """Pools the last hidden states of the first token of each sequence (`batch.first_tokens`)."""
        assert self.pooler is not None, "this model was built without a pooler"
        pooled: Tensor = self.pooler(first)
        return pooled

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """Last hidden states of all tokens, or of `rows` alone."""
        hidden: Tensor = self.encoder(batch, rows)
        return hidden

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """What a head, but for a beam head, says of each token (of `rows` alone where they are given), or of each
        sequence where it reads the first token or the mean of all."""
        shape = self.shapes[head]
        if shape.reads == "tokens":
            hidden = self.encoder(batch, rows)
        elif self.config.classifier_pooling == "mean":
            hidden = mean_of_sequences(self.encoder(batch), batch)
        else:
            hidden = self.encoder(batch, batch.first_tokens)
        module: Any = self.heads[head]
        logits: Tensor = module(self.pool(hidden) if shape.pooled else hidden)
        return logits

    def beam(
        self,
        batch: Batch,
        p_mask: Bool[Tensor, " tokens"] | None = None,
        cls_index: Int[Tensor, " sequences"] | None = None,
    ) -> Beam:
        """The most probable answers to each question, by the head `beam` (see `BeamHead.forward`)."""
        beam: Beam = self.heads["beam"](self.encoder(batch), batch, p_mask, cls_index)
        return beam


def _bert_head(name: str) -> HeadShape:
    if name not in BERT_HEADS:
        raise ValueError(f"no head is called {name!r}; there are {', '.join(BERT_HEADS)}")
    return BERT_HEADS[name]
