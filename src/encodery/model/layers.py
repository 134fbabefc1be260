"""The parts of one Transformer layer, over packed tokens."""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.model.attention import Group, Hidden, attend, attend_hidden
from encodery.model.config import EncoderConfig
from encodery.model.dropout import dropout, dropout_add_norm
from encodery.model.rope import Rotation, rotate
from encodery.model.tied_words import TiedWords


def gelu_new(x: Tensor) -> Tensor:
    """The tanh approximation under the name that config files give it."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "gelu_new": gelu_new, "relu": F.relu}


class SinusoidalPositions(nn.Module):
    """Fixed positions (Vaswani et al. 2017, 3.5): sine in the even columns, cosine in the odd ones."""

    weight: Float[Tensor, "positions hidden"]

    def __init__(self, num_embeddings: int, hidden_size: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(num_embeddings, hidden_size))
        if not self.weight.is_meta:  # where only shapes are asked for, arithmetic would import PyTorch's compiler
            self.weight.copy_(sinusoids(num_embeddings, hidden_size))

    def forward(self, position_ids: Int[Tensor, " tokens"]) -> Float[Tensor, "tokens hidden"]:
        return F.embedding(position_ids, self.weight)


def sinusoids(num_embeddings: int, hidden_size: int) -> Float[Tensor, "positions hidden"]:
    """The table, computed in double precision."""
    column = torch.arange(hidden_size)
    rate = 10000.0 ** (-2.0 * (column // 2).double() / hidden_size)
    angle = torch.arange(num_embeddings).double()[:, None] * rate
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float()


POSITIONS: Mapping[str, Callable[[int, int], nn.Module]] = {
    "learned": nn.Embedding,
    "sinusoidal": SinusoidalPositions,
}


def layer_norm(config: EncoderConfig) -> nn.LayerNorm:
    """The norm that the whole model uses."""
    return nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps, bias=config.norm_bias)


def fairseq_positions(batch: Batch, pad_token_id: int) -> Int[Tensor, " tokens"]:
    """Places in the sequence that do not count padding tokens; theirs is -1.

    A batch has no padding, but a text may spell the padding token out, and the published models number it so.
    """
    padding = (batch.input_ids == pad_token_id).long()
    total = padding.cumsum(0)
    begins = batch.position_ids.diff(prepend=batch.position_ids[:1]) != 1  # anew within a pair of translations, too
    begins[batch.first_tokens] = True
    place = torch.arange(len(total), device=total.device)
    before = total - (total - padding)[torch.where(begins, place, 0).cummax(0).values]
    return torch.where(padding.bool(), -1, batch.position_ids - before)


class Embeddings(nn.Module):
    """Word + position + token type + language, normalised unless the config says otherwise."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        table = POSITIONS.get(config.position)
        self.position = table(config.max_position_embeddings, config.hidden_size) if table else None
        self.position_offset = config.position_offset
        self.pad_token_id = config.pad_token_id
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        self.language = (
            nn.Embedding(config.num_languages, config.hidden_size) if config.has_language_embeddings else None
        )
        self.norm = layer_norm(config) if config.embedding_norm else nn.Identity()
        stated = config.embedding_dropout
        self.dropout_prob = config.hidden_dropout_prob if stated is None else stated
        self.tied: TiedWords | None = None
        """Where a head gives logits over the vocabulary by the same words: how it comes by them."""

    def forward(self, batch: Batch) -> Float[Tensor, "tokens hidden"]:
        hidden: Tensor = self.norm(self.total(batch))
        return dropout(hidden, self.dropout_prob) if self.training else hidden

    def total(self, batch: Batch) -> Float[Tensor, "tokens hidden"]:
        """The sum of a token's vectors, before the norm."""
        total = self._words(batch.input_ids)
        if self.position is not None:
            position_ids = batch.position_ids
            if self.position_offset:
                position_ids = fairseq_positions(batch, self.pad_token_id) + self.position_offset
            total = total + self.position(position_ids)
        if self.token_type is not None:
            token_type_ids = batch.token_type_ids
            if token_type_ids is None or self.token_type.num_embeddings == 1:
                token_type_ids = torch.zeros_like(batch.input_ids)
            total = total + self.token_type(token_type_ids)
        if self.language is not None and batch.language_ids is not None:
            total = total + self.language(batch.language_ids)
        return total

    def _words(self, input_ids: Int[Tensor, " tokens"]) -> Float[Tensor, "tokens hidden"]:
        """The words' vectors, on a CPU in training by the way that gives a tied table one gradient: on a GPU a table
        of zeros costs little, and ranks exchange gradients in ways of their own."""
        if self.tied is not None:
            self.tied.forget()
            if torch.is_grad_enabled() and not input_ids.is_cuda and not torch.distributed.is_initialized():
                return self.tied.read(self.word.weight, input_ids)
        rows: Tensor = self.word(input_ids)
        return rows


class Attention(nn.Module):
    """Multi-head self-attention within each sequence; query, key and value come from one product."""

    def __init__(self, config: EncoderConfig, number: int) -> None:
        super().__init__()
        whole = config.is_global(number)
        self.num_heads = config.num_attention_heads
        self.dropout_prob = config.attention_probs_dropout_prob
        self.reach = None if whole else config.attention_window // 2
        self.rope_theta = config.rope_theta if whole else config.local_rope_theta
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=config.attention_bias)
        self.out = nn.Linear(config.hidden_size, config.hidden_size, bias=config.attention_bias)

    def forward(
        self,
        hidden: Float[Tensor, "tokens hidden"],
        batch: Batch | None,
        groups: list[Group] | Hidden,
        rotations: Mapping[float, Rotation],
        rows: Int[Tensor, " rows"] | None,
    ) -> Float[Tensor, "rows hidden"]:
        mixed = self._mix(self.project(hidden, rotations), batch, groups)
        out: Tensor = self.out(mixed if rows is None else mixed.index_select(0, rows))
        return out

    def _mix(
        self, qkv: Float[Tensor, "tokens three_hidden"], batch: Batch | None, groups: list[Group] | Hidden
    ) -> Float[Tensor, "tokens hidden"]:
        if isinstance(groups, Hidden):
            return attend_hidden(qkv, groups.biases[self.reach], self.num_heads)
        assert batch is not None
        return attend(qkv, batch, groups, self.num_heads, self.dropout_prob if self.training else 0.0, self.reach)

    def project(
        self, hidden: Float[Tensor, "tokens hidden"], rotations: Mapping[float, Rotation]
    ) -> Float[Tensor, "tokens three_hidden"]:
        """Queries, keys and values, turned by their positions where these are rotary."""
        qkv: Tensor = self.qkv(hidden)
        return rotate(qkv, rotations[self.rope_theta], self.num_heads) if rotations else qkv


class FeedForward(nn.Module):
    """Up, activation, down; or up twice, the first activated and multiplied by the second, down."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.gated = config.gated_mlp
        width = 2 * config.intermediate_size if self.gated else config.intermediate_size
        self.up = nn.Linear(config.hidden_size, width, bias=config.mlp_bias)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self.act = ACTIVATIONS[config.hidden_act]
        self.dropout_prob = config.hidden_dropout_prob if self.gated else 0.0

    def forward(self, hidden: Float[Tensor, "tokens hidden"]) -> Float[Tensor, "tokens hidden"]:
        out: Tensor = self.down(self._gate(self.up(hidden)) if self.gated else self.act(self.up(hidden)))
        return out

    def _gate(self, raised: Float[Tensor, "tokens twice"]) -> Float[Tensor, "tokens intermediate"]:
        activated, gate = raised.chunk(2, -1)
        inner = self.act(activated) * gate
        return dropout(inner, self.dropout_prob) if self.training else inner


class Sublayers(nn.Module):
    """Self-attention and feed-forward, each added to its input; a norm stands behind the sum (post) or before it
    (pre)."""

    def __init__(self, config: EncoderConfig, number: int) -> None:
        """The layer of this number, from 0: it decides what attention sees, and whether a norm stands before it."""
        super().__init__()
        self.pre = config.norm == "pre"
        normalised = self.pre and config.embedding_norm and number == 0
        self.attention = Attention(config, number)
        self.attention_norm = nn.Identity() if normalised else layer_norm(config)
        self.mlp = FeedForward(config)
        self.mlp_norm = layer_norm(config)
        stated = config.attention_out_dropout
        self.attention_dropout = config.hidden_dropout_prob if stated is None else stated
        self.mlp_dropout = 0.0 if config.gated_mlp else config.hidden_dropout_prob

    def take(self, hidden: Float[Tensor, "rows hidden"], norm: nn.Module) -> Float[Tensor, "rows hidden"]:
        """What a part of the layer reads."""
        taken: Tensor = norm(hidden) if self.pre else hidden
        return taken

    def add(
        self, update: Float[Tensor, "rows hidden"], hidden: Float[Tensor, "rows hidden"], norm: nn.Module, p: float
    ) -> Float[Tensor, "rows hidden"]:
        """What a part of the layer gives on: its result added to its input."""
        p = p if self.training else 0.0
        if self.pre:
            return hidden + dropout(update, p)
        assert isinstance(norm, nn.LayerNorm)
        return dropout_add_norm(update, hidden, norm.weight, norm.bias, norm.eps, p)

    def feed(self, hidden: Float[Tensor, "rows hidden"]) -> Float[Tensor, "rows hidden"]:
        """The feed-forward part, from input to sum."""
        return self.add(self.mlp(self.take(hidden, self.mlp_norm)), hidden, self.mlp_norm, self.mlp_dropout)


class Layer(Sublayers):
    """A layer of the encoder."""

    def forward(
        self,
        hidden: Float[Tensor, "tokens hidden"],
        batch: Batch | None,
        groups: list[Group] | Hidden,
        rotations: Mapping[float, Rotation],
        rows: Int[Tensor, " rows"] | None = None,
    ) -> Float[Tensor, "rows hidden"]:
        """The layer's output for all tokens, or for `rows` alone. No `batch` is needed where `groups` is `Hidden`."""
        update = self.attention(self.take(hidden, self.attention_norm), batch, groups, rotations, rows)
        kept = hidden if rows is None else hidden.index_select(0, rows)
        return self.feed(self.add(update, kept, self.attention_norm, self.attention_dropout))
