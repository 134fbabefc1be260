"""What stands on the encoder: the pooler, one small module per mechanism, and the model that holds them."""

from collections.abc import Collection

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from encodery.model.config import EncoderConfig
from encodery.model.cross_entropy import linear_cross_entropy
from encodery.model.encoder import Encoder, initialize
from encodery.model.layers import ACTIVATIONS


class Pooler(nn.Module):
    """A dense layer and tanh over the first token of each sequence; NSP and classification share it."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first: Float[Tensor, "sequences hidden"]) -> Float[Tensor, "sequences hidden"]:
        return torch.tanh(self.dense(first))


class MaskedLMHead(nn.Module):
    """Transform, then logits over the vocabulary through the word embeddings (tied)."""

    def __init__(self, config: EncoderConfig, word_embeddings: nn.Embedding) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.decoder.weight = word_embeddings.weight
        self.act = ACTIVATIONS[config.hidden_act]

    def transform(self, hidden: Float[Tensor, "scored hidden"]) -> Float[Tensor, "scored hidden"]:
        transformed: Tensor = self.norm(self.act(self.dense(hidden)))
        return transformed

    def forward(self, hidden: Float[Tensor, "scored hidden"]) -> Float[Tensor, "scored vocabulary"]:
        logits: Tensor = self.decoder(self.transform(hidden))
        return logits

    def loss(
        self, hidden: Float[Tensor, "scored hidden"], labels: Int[Tensor, " scored"]
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """Cross entropy summed over the scored tokens (nats), and how many were guessed right."""
        return linear_cross_entropy(self.transform(hidden), self.decoder.weight, self.decoder.bias, labels)


class NextSentenceHead(nn.Module):
    """Two logits from the pooled first token: 0 = the second part follows, 1 = it is a random one."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.out = nn.Linear(config.hidden_size, 2)

    def forward(self, pooled: Float[Tensor, "sequences hidden"]) -> Float[Tensor, "sequences 2"]:
        logits: Tensor = self.out(pooled)
        return logits


class SequenceClassificationHead(nn.Module):
    """Dropout and a linear layer over the pooled first token."""

    def __init__(self, config: EncoderConfig, num_labels: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.out = nn.Linear(config.hidden_size, num_labels)

    def forward(self, pooled: Float[Tensor, "sequences hidden"]) -> Float[Tensor, "sequences labels"]:
        logits: Tensor = self.out(self.dropout(pooled))
        return logits


class Model(nn.Module):
    """An encoder, its pooler if a head needs one, and the heads by name (`mlm`, `nsp`, `sequence`)."""

    def __init__(
        self, config: EncoderConfig, heads: Collection[str], num_labels: int = 0, pooler: bool = False
    ) -> None:
        """Raises `ValueError` for a head that does not exist."""
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if pooler or {"nsp", "sequence"} & set(heads) else None
        self.heads = nn.ModuleDict({name: self._head(name, num_labels) for name in sorted(heads)})

    def _head(self, name: str, num_labels: int) -> nn.Module:
        match name:
            case "mlm":
                return MaskedLMHead(self.config, self.encoder.embeddings.word)
            case "nsp":
                return NextSentenceHead(self.config)
            case "sequence":
                return SequenceClassificationHead(self.config, num_labels)
        raise ValueError(f"no head is called {name!r}; there are mlm, nsp, sequence")

    def initialize(self, seed: int) -> None:
        """Fresh weights everywhere, a function of `seed` alone."""
        initialize(self, self.config.initializer_range, torch.Generator().manual_seed(seed))

    def pool(self, first: Float[Tensor, "sequences hidden"]) -> Float[Tensor, "sequences hidden"]:
        """Pools the last hidden states of the first token of each sequence (`batch.first_tokens`)."""
        assert self.pooler is not None, "this model was built without a pooler"
        pooled: Tensor = self.pooler(first)
        return pooled
