"""Small translators with random weights, and batches of pairs for them."""

from collections.abc import Sequence as Many
from typing import Any

import torch
from torch import Tensor

from encodery.batch import Batch, Sequence, pack
from encodery.model.config import EncoderConfig
from encodery.model.heads import BERT_HEADS, HeadShape
from encodery.model.translator import Translator
from tests.model.conftest import randomize

SIZES = ((5, 3), (1, 7), (7, 1), (23, 19), (2, 2), (11, 29))
"""Tokens of each target and of its source."""
SMALL = EncoderConfig(
    vocab_size=101,
    hidden_size=42,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=37,
    max_position_embeddings=47,
    type_vocab_size=2,
    layer_norm_eps=1e-5,
)
AXES: dict[str, dict[str, Any]] = {
    "bert": {},
    "xlm": {"position": "sinusoidal", "type_vocab_size": 0, "num_languages": 5, "hidden_act": "gelu_new"},
    "roberta": {"position_offset": 2, "pad_token_id": 1, "type_vocab_size": 1},
    "pre-norm": {"norm": "pre", "embedding_norm": False},
    "modern": {
        "norm": "pre",
        "norm_bias": False,
        "attention_bias": False,
        "mlp_bias": False,
        "gated_mlp": True,
        "position": "rope",
        "rope_theta": 101.0,
        "local_rope_theta": 7.0,
        "global_attn_every_n_layers": 2,
        "attention_window": 7,
    },
}
PLAIN_HEAD = HeadShape("vocabulary", "tokens", dropout_before=())


def small(**changes: Any) -> EncoderConfig:
    return EncoderConfig.parse({**SMALL.model_dump(), **changes}, "small")


def make_translator(config: EncoderConfig = SMALL, seed: int = 1, layers: int = 3, **changes: Any) -> Translator:
    """Without dropout; the encoder has another number of layers than the decoder."""
    encoder = EncoderConfig.parse({**config.model_dump(), "num_hidden_layers": layers}, "encoder")
    shape = BERT_HEADS["mlm"] if config.type_vocab_size == 2 else PLAIN_HEAD
    translator = Translator(encoder, EncoderConfig.parse({**config.model_dump(), **changes}, "decoder"), shape)
    randomize(translator, seed)
    return translator.eval()


def make_pairs(config: EncoderConfig = SMALL, sizes: Many[tuple[int, int]] = SIZES, seed: int = 2) -> list[Sequence]:
    """Random targets with random sources, of random languages where there are some, every token with a label."""
    generator = torch.Generator().manual_seed(seed)

    def draw(high: int, length: int, low: int = 0) -> list[int]:
        return torch.randint(low, high, (length,), generator=generator).tolist()

    def side(length: int, **more: Any) -> Sequence:
        languages = draw(config.num_languages, length) if config.has_language_embeddings else None
        return Sequence(draw(config.vocab_size, length, 3), language_ids=languages, **more)

    return [
        side(target, source=side(source), token_labels=draw(config.vocab_size, target)) for target, source in sizes
    ]


def source_of(batch: Batch) -> Batch:
    assert batch.source is not None
    return batch.source


def one_by_one(sequences: Many[Sequence]) -> list[Batch]:
    return [pack([sequence]) for sequence in sequences]


def gradients(translator: Translator) -> dict[str, Tensor]:
    found = {name: parameter.grad for name, parameter in translator.named_parameters()}
    assert all(gradient is not None for gradient in found.values()), [n for n, g in found.items() if g is None]
    return {name: gradient.clone() for name, gradient in found.items() if gradient is not None}
