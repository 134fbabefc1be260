"""The one encoder: embeddings and a stack of layers over packed tokens (Devlin et al. 2019, 3)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from encodery.batch import Batch
from encodery.model.attention import group_sequences
from encodery.model.config import EncoderConfig
from encodery.model.layers import Embeddings, Layer, layer_norm
from encodery.model.rope import rotations


class Encoder(nn.Module):
    """Knows no task and no family: packed tokens in, one hidden vector per token out."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config, number) for number in range(config.num_hidden_layers))
        self.norm = layer_norm(config) if config.norm == "pre" else nn.Identity()
        self.rope_thetas = (config.rope_theta, config.local_rope_theta) if config.position == "rope" else ()
        self.activation_checkpointing = False
        """Keep a layer's input alone for the backward pass and compute the layer again there, with the same dropout
        (Chen et al. 2016, "Training deep nets with sublinear memory cost", section 4.1)."""

    def forward(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """Last hidden states, sequences seeing only themselves; of all tokens, or of `rows` alone, in their order.

        Behind its attention the last layer then computes those rows only: most of a layer for a few masked tokens.
        """
        hidden: Tensor = self.embeddings(batch)
        groups = group_sequences(batch)
        turns = rotations(batch.position_ids, self.config.head_dim, self.rope_thetas)
        last = len(self.layers) - 1
        recomputed = self.activation_checkpointing and torch.is_grad_enabled()
        for number, layer in enumerate(self.layers):
            given = (hidden, batch, groups, turns, rows if number == last else None)
            hidden = checkpoint(layer, *given, use_reentrant=False) if recomputed else layer(*given)
        normalised: Tensor = self.norm(hidden)
        return normalised


def initialize(
    module: nn.Module, initializer_range: float, generator: torch.Generator, embed_init_std: float | None = None
) -> None:
    """Fresh weights as BERT draws them: normal for matrices, zero for biases, one for norm scales.

    Embeddings, and a decoder tied to them, have a width of their own where `embed_init_std` is given.

    The position of a padding token in the word table is drawn like any other: no padding reaches the encoder.
    """
    embedded = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            std = embed_init_std if embed_init_std and id(part.weight) in embedded else initializer_range
            with torch.no_grad():
                part.weight.normal_(0.0, std, generator=generator)
        if isinstance(part, nn.LayerNorm):
            nn.init.ones_(part.weight)
        if isinstance(bias := getattr(part, "bias", None), nn.Parameter):
            nn.init.zeros_(bias)
