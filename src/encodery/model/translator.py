"""Encoder and decoder as one model: a source in, the next token of its translation out."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from encodery.batch import Batch
from encodery.model.config import EncoderConfig
from encodery.model.decoder import Decoder, DecoderLayer
from encodery.model.heads import HeadShape, MaskedLMHead, Model

HEAD = "translation"
"""The name of its one head, over the vocabulary."""


class Translator(Model):
    """A model whose encoder reads `batch.source`, while a decoder reads the batch itself and says what comes next.

    Its one head, `HEAD`, has the shape of a family's head over the vocabulary; its last layer is tied to the words of
    the decoder. `config` is the encoder's.
    """

    def __init__(self, config: EncoderConfig, decoder_config: EncoderConfig, shape: HeadShape) -> None:
        """Raises `ValueError` if the decoder is of another width than the encoder."""
        if config.hidden_size != decoder_config.hidden_size:
            raise ValueError(
                f"the encoder's hidden_size = {config.hidden_size} is not the decoder's, {decoder_config.hidden_size}"
            )
        super().__init__(config, {})
        self.decoder_config = decoder_config
        del self.heads  # to stand behind the decoder, so that the words they share bear the decoder's name
        self.decoder = Decoder(decoder_config)
        self.shapes = {HEAD: shape}
        self.heads = nn.ModuleDict({HEAD: MaskedLMHead(decoder_config, shape, self.decoder.embeddings)})

    @property
    def head(self) -> MaskedLMHead:
        """What gives logits over the words of the decoder."""
        head = self.heads[HEAD]
        assert isinstance(head, MaskedLMHead)
        return head

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """Last hidden states of all tokens of the targets, or of `rows` alone.

        Raises `ValueError` if the batch has no source.
        """
        if batch.source is None:
            raise ValueError("a batch for a model with a decoder needs a source")
        recomputed = self.encoder.activation_checkpointing and torch.is_grad_enabled()
        hidden: Tensor = self.decoder(batch, self.encoder(batch.source), rows, recomputed)
        return hidden

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """What comes behind each token of the targets (of `rows` alone where they are given)."""
        logits: Tensor = self.heads[head](self.hidden(batch, rows))
        return logits

    def loss(self, batch: Batch, label_smoothing: float = 0.0) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """Cross entropy summed over the scored tokens (nats), and how many were guessed right; smoothed labels are as
        `torch.nn.CrossEntropyLoss` has them (Szegedy et al. 2016, section 7)."""
        assert batch.labels is not None
        return self.head.loss(self.hidden(batch, batch.label_index), batch.labels, label_smoothing)


CrossInit = Literal["self", "fresh"]
"""What cross-attention begins with: a copy of the same layer's self-attention, or drawn numbers."""


@torch.no_grad()
def translator_from(
    encoder: Model, decoder: Model, head: str = "mlm", cross_attention: CrossInit = "fresh", seed: int = 0
) -> Translator:
    """A translator whose encoder and decoder begin with the weights of two pretrained models (or of one, given
    twice), as XLM has it (Conneau and Lample 2019, 5.1). The head over the vocabulary is the decoder's `head`; what
    there is not to copy is drawn with `seed`.

    Raises `ValueError` if the two are of different width, or the decoder has no such head.
    """
    if head not in decoder.heads:
        there = ", ".join(decoder.heads) or "none"
        raise ValueError(f"a decoder begins with a model that has the head {head!r}; this one has {there}")
    translator = Translator(encoder.config, decoder.config, decoder.shapes[head])
    translator.initialize(seed)
    translator.encoder.load_state_dict(encoder.encoder.state_dict())
    translator.decoder.load_state_dict(decoder.encoder.state_dict(), strict=False)
    translator.head.load_state_dict(decoder.heads[head].state_dict())
    if cross_attention == "self":
        for layer in translator.decoder.stack:
            _copy_self_attention(layer)
    return translator


def _copy_self_attention(layer: DecoderLayer) -> None:
    """Cross-attention and its norm as self-attention and its norm are."""
    own, cross = layer.attention, layer.cross_attention
    for kind in ("weight", "bias"):
        if (joined := getattr(own.qkv, kind)) is not None:
            query, key_value = joined.split([len(joined) // 3, 2 * len(joined) // 3])
            getattr(cross.query, kind).copy_(query)
            getattr(cross.key_value, kind).copy_(key_value)
    cross.out.load_state_dict(own.out.state_dict())
    if not isinstance(layer.attention_norm, nn.Identity):
        layer.cross_norm.load_state_dict(layer.attention_norm.state_dict())
