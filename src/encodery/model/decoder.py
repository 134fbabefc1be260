"""The one decoder: the encoder's layers, looking back only, with cross-attention to a source in each of them between
self-attention and feed-forward (Vaswani et al. 2017, 3.1; Conneau and Lample 2019, 5)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from encodery.batch import Batch
from encodery.model.attention import Group, group_sequences
from encodery.model.config import EncoderConfig
from encodery.model.cross_attention import Pair, attend_across, pair_sequences
from encodery.model.layers import Embeddings, Sublayers, layer_norm
from encodery.model.rope import Rotation, rotations


class CrossAttention(nn.Module):
    """Queries from the target; keys and values, in one product, from what the encoder says of the source."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        size, bias = config.hidden_size, config.attention_bias
        self.num_heads = config.num_attention_heads
        self.dropout_prob = config.attention_probs_dropout_prob
        self.query = nn.Linear(size, size, bias=bias)
        self.key_value = nn.Linear(size, 2 * size, bias=bias)
        self.out = nn.Linear(size, size, bias=bias)

    def forward(
        self,
        hidden: Float[Tensor, "tokens hidden"],
        encoded: Float[Tensor, "source_tokens hidden"],
        batch: Batch,
        pairs: list[Pair],
    ) -> Float[Tensor, "tokens hidden"]:
        p = self.dropout_prob if self.training else 0.0
        mixed = attend_across(self.query(hidden), self.key_value(encoded), batch, pairs, self.num_heads, p)
        out: Tensor = self.out(mixed)
        return out


class DecoderLayer(Sublayers):
    """A layer of the decoder: between the two parts of the encoder's it looks across to the source."""

    def __init__(self, config: EncoderConfig, number: int) -> None:
        super().__init__(config, number)
        self.cross_attention = CrossAttention(config)
        self.cross_norm = layer_norm(config)

    def forward(
        self,
        hidden: Float[Tensor, "tokens hidden"],
        encoded: Float[Tensor, "source_tokens hidden"],
        batch: Batch,
        groups: list[Group],
        pairs: list[Pair],
        rotations: Mapping[float, Rotation],
    ) -> Float[Tensor, "tokens hidden"]:
        update = self.attention(self.take(hidden, self.attention_norm), batch, groups, rotations, None)
        hidden = self.add(update, hidden, self.attention_norm, self.attention_dropout)
        update = self.cross_attention(self.take(hidden, self.cross_norm), encoded, batch, pairs)
        hidden = self.add(update, hidden, self.cross_norm, self.attention_dropout)
        return self.feed(hidden)


class Decoder(nn.Module):
    """Packed targets and what the encoder says of their sources in, one hidden vector per target token out."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(DecoderLayer(config, number) for number in range(config.num_hidden_layers))
        self.norm = layer_norm(config) if config.norm == "pre" else nn.Identity()
        self.rope_thetas = (config.rope_theta, config.local_rope_theta) if config.position == "rope" else ()

    @property
    def stack(self) -> Iterator[DecoderLayer]:
        """The layers, from the first to the last."""
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            yield layer

    def forward(
        self,
        batch: Batch,
        encoded: Float[Tensor, "source_tokens hidden"],
        rows: Int[Tensor, " rows"] | None = None,
        recomputed: bool = False,
    ) -> Float[Tensor, "rows hidden"]:
        """Last hidden states of all tokens, or of `rows` alone, in their order; a token sees those before it in its
        sequence, and all of its source, which is `encoded` in the order of `batch.source`. Layers are computed again
        in the backward pass where they are `recomputed` (see `Encoder.activation_checkpointing`).
        """
        batch = replace(batch, causal=True)
        hidden: Tensor = self.embeddings(batch)
        turns = rotations(batch.position_ids, self.config.head_dim, self.rope_thetas)
        shared = (encoded, batch, group_sequences(batch), pair_sequences(batch), turns)
        for layer in self.layers:
            hidden = checkpoint(layer, hidden, *shared, use_reentrant=False) if recomputed else layer(hidden, *shared)
        normalised: Tensor = self.norm(hidden if rows is None else hidden.index_select(0, rows))
        return normalised
