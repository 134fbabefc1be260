"""The parts of one post-norm Transformer layer, over packed tokens."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.model.attention import Group, attend
from encodery.model.config import EncoderConfig
from encodery.model.dropout import dropout, dropout_add_norm


def gelu_new(x: Tensor) -> Tensor:
    """The tanh approximation under the name that config files give it."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "gelu_new": gelu_new, "relu": F.relu}


class SinusoidalPositions(nn.Module):
    """Fixed positions (Vaswani et al. 2017, 3.5): sine in the even columns, cosine in the odd ones."""

    weight: Float[Tensor, "positions hidden"]

    def __init__(self, num_embeddings: int, hidden_size: int) -> None:
        super().__init__()
        column = torch.arange(hidden_size)
        rate = 10000.0 ** (-2.0 * (column // 2).double() / hidden_size)
        angle = torch.arange(num_embeddings).double()[:, None] * rate
        self.register_buffer("weight", torch.where(column % 2 == 0, angle.sin(), angle.cos()).float())

    def forward(self, position_ids: Int[Tensor, " tokens"]) -> Float[Tensor, "tokens hidden"]:
        return F.embedding(position_ids, self.weight)


POSITIONS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "learned": nn.Embedding,
    "sinusoidal": SinusoidalPositions,
}


def fairseq_positions(batch: Batch, pad_token_id: int) -> Int[Tensor, " tokens"]:
    """Places in the sequence that do not count padding tokens; theirs is -1.

    A batch has no padding, but a text may spell the padding token out, and the published models number it so.
    """
    padding = (batch.input_ids == pad_token_id).long()
    total = padding.cumsum(0)
    first = torch.arange(batch.num_tokens, device=total.device) - batch.position_ids
    before = total - (total - padding)[first]
    return torch.where(padding.bool(), -1, batch.position_ids - before)


class Embeddings(nn.Module):
    """Word + position + token type + language, normalised."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position = POSITIONS[config.position](config.max_position_embeddings, config.hidden_size)
        self.position_offset = config.position_offset
        self.pad_token_id = config.pad_token_id
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        self.language = (
            nn.Embedding(config.num_languages, config.hidden_size) if config.has_language_embeddings else None
        )
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout_prob = config.hidden_dropout_prob

    def forward(self, batch: Batch) -> Float[Tensor, "tokens hidden"]:
        position_ids = batch.position_ids
        if self.position_offset:
            position_ids = fairseq_positions(batch, self.pad_token_id) + self.position_offset
        total = self.word(batch.input_ids) + self.position(position_ids)
        if self.token_type is not None:
            token_type_ids = batch.token_type_ids
            if token_type_ids is None or self.token_type.num_embeddings == 1:
                token_type_ids = torch.zeros_like(batch.input_ids)
            total = total + self.token_type(token_type_ids)
        if self.language is not None and batch.language_ids is not None:
            total = total + self.language(batch.language_ids)
        hidden: Tensor = self.norm(total)
        return dropout(hidden, self.dropout_prob) if self.training else hidden


class Attention(nn.Module):
    """Multi-head self-attention within each sequence; query, key and value come from one product."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.dropout_prob = config.attention_probs_dropout_prob
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        hidden: Float[Tensor, "tokens hidden"],
        batch: Batch,
        groups: list[Group],
        rows: Int[Tensor, " rows"] | None,
    ) -> Float[Tensor, "rows hidden"]:
        dropout_prob = self.dropout_prob if self.training else 0.0
        mixed = attend(self.qkv(hidden), batch, groups, self.num_heads, dropout_prob)
        out: Tensor = self.out(mixed if rows is None else mixed.index_select(0, rows))
        return out


class FeedForward(nn.Module):
    """Up, activation, down."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.act = ACTIVATIONS[config.hidden_act]

    def forward(self, hidden: Float[Tensor, "tokens hidden"]) -> Float[Tensor, "tokens hidden"]:
        out: Tensor = self.down(self.act(self.up(hidden)))
        return out


class Layer(nn.Module):
    """Attention and feed-forward, each added to its input and then normalised (post-norm)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = FeedForward(config)
        self.mlp_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout_prob = config.hidden_dropout_prob

    def forward(
        self,
        hidden: Float[Tensor, "tokens hidden"],
        batch: Batch,
        groups: list[Group],
        rows: Int[Tensor, " rows"] | None = None,
    ) -> Float[Tensor, "rows hidden"]:
        """The layer's output for all tokens, or for `rows` alone."""
        update = self.attention(hidden, batch, groups, rows)
        hidden = self._add(update, hidden if rows is None else hidden.index_select(0, rows), self.attention_norm)
        return self._add(self.mlp(hidden), hidden, self.mlp_norm)

    def _add(
        self, update: Float[Tensor, "rows hidden"], hidden: Float[Tensor, "rows hidden"], norm: nn.LayerNorm
    ) -> Float[Tensor, "rows hidden"]:
        dropout_prob = self.dropout_prob if self.training else 0.0
        return dropout_add_norm(update, hidden, norm.weight, norm.bias, norm.eps, dropout_prob)
