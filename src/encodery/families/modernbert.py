"""ModernBERT (Warner et al. 2024): rotary positions, gated feed-forward, norms first, local attention in two of three
layers, no biases; masked LM over byte-level BPE.

Sizes: section 2.1.3 of the paper, whose widths of the gated product are of both halves. `transformers` 5 writes
the kinds of layers and the bases of rotary positions in keys of its own (`new_keys`); the published checkpoints have
the first ones, which every release reads, and so has what is written here.
"""

from typing import Any

from encodery.families.family import Family, Follows, Head, both
from encodery.families.layer_types import EveryNth
from encodery.model.heads import HeadShape

_LAYER = "model.layers.{}"
_WORDS = "model.embeddings.tok_embeddings.weight"
_TRANSFORM = {**both("dense", "head.dense"), **both("norm", "head.norm")}
_FULL, _LOCAL = "full_attention", "sliding_attention"


def _sizes(layers: int, hidden: int, intermediate: int) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": intermediate,
    }


def _head(outputs: Any, reads: Any = "first") -> Head:
    shape = HeadShape(outputs, reads, dense="hidden", act="classifier_activation", norm=True)
    return Head({**_TRANSFORM, **both("out", "classifier")}, shape)


MODERNBERT = Family(
    model_type="modernbert",
    presets={
        "base": {"vocab_size": 50_368, **_sizes(22, 768, 1152), "classifier_pooling": "mean"},
        "large": {"vocab_size": 50_368, **_sizes(28, 1024, 2624), "classifier_pooling": "mean"},
    },
    config_map={
        "vocab_size": "vocab_size",
        "hidden_size": "hidden_size",
        "num_hidden_layers": "num_hidden_layers",
        "num_attention_heads": "num_attention_heads",
        "intermediate_size": "intermediate_size",
        "hidden_act": "hidden_activation",
        "hidden_dropout_prob": "mlp_dropout",
        "attention_probs_dropout_prob": "attention_dropout",
        "embedding_dropout": "embedding_dropout",
        "norm_bias": "norm_bias",
        "attention_bias": "attention_bias",
        "mlp_bias": "mlp_bias",
        "global_attn_every_n_layers": "global_attn_every_n_layers",
        "attention_window": "local_attention",
        "max_position_embeddings": "max_position_embeddings",
        "rope_theta": "global_rope_theta",
        "local_rope_theta": "local_rope_theta",
        "layer_norm_eps": "norm_eps",
        "initializer_range": "initializer_range",
        "classifier_dropout": "classifier_dropout",
        "classifier_pooling": "classifier_pooling",
        "classifier_activation": "classifier_activation",
        "classifier_bias": "classifier_bias",
        "decoder_bias": "decoder_bias",
        "pad_token_id": "pad_token_id",
    },
    defaults={
        **_sizes(22, 768, 1152),
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "embedding_dropout": 0.0,
        "norm": "pre",
        "norm_bias": False,
        "attention_bias": False,
        "mlp_bias": False,
        "gated_mlp": True,
        "global_attn_every_n_layers": 3,
        "position": "rope",
        "max_position_embeddings": 8192,
        "rope_theta": 160_000.0,
        "type_vocab_size": 0,
        "layer_norm_eps": 1e-5,
        "classifier_dropout": 0.0,
        "classifier_bias": False,
        "pad_token_id": 50_283,
    },
    follows={"attention_out_dropout": Follows("attention_probs_dropout_prob")},
    new_keys={
        "layer_types": EveryNth("global_attn_every_n_layers", _FULL, _LOCAL),
        f"rope_parameters.{_FULL}.rope_theta": "global_rope_theta",
        f"rope_parameters.{_LOCAL}.rope_theta": "local_rope_theta",
    },
    fixed={
        f"rope_parameters.{_FULL}.rope_type": "default",
        f"rope_parameters.{_LOCAL}.rope_type": "default",
        "tie_word_embeddings": True,
    },
    token_ids={
        "bos_token_id": "cls_token_id",
        "eos_token_id": "sep_token_id",
        "cls_token_id": "cls_token_id",
        "sep_token_id": "sep_token_id",
    },
    kept=("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "initializer_cutoff_factor"),
    base_prefix="model.",
    name_map={
        "embeddings.word.weight": _WORDS,
        **both("embeddings.norm", "model.embeddings.norm"),
        **both("layers.{}.attention.qkv", f"{_LAYER}.attn.Wqkv"),
        **both("layers.{}.attention.out", f"{_LAYER}.attn.Wo"),
        **both("layers.{}.attention_norm", f"{_LAYER}.attn_norm"),
        **both("layers.{}.mlp.up", f"{_LAYER}.mlp.Wi"),
        **both("layers.{}.mlp.down", f"{_LAYER}.mlp.Wo"),
        **both("layers.{}.mlp_norm", f"{_LAYER}.mlp_norm"),
        **both("norm", "model.final_norm"),
    },
    pooler_map={},
    heads={
        "mlm": Head(
            {**_TRANSFORM, "decoder.bias": "decoder.bias"},
            HeadShape("vocabulary", "tokens", dense="hidden", act="classifier_activation", dropout_before=()),
        ),
        "sequence": _head("labels"),
        "token": _head("labels", "tokens"),
        "span": _head(2, "tokens"),
        "choice": _head(1),
    },
    architectures={
        frozenset(): "ModernBertModel",
        frozenset({"mlm"}): "ModernBertForMaskedLM",
        frozenset({"sequence"}): "ModernBertForSequenceClassification",
        frozenset({"token"}): "ModernBertForTokenClassification",
        frozenset({"span"}): "ModernBertForQuestionAnswering",
        frozenset({"choice"}): "ModernBertForMultipleChoice",
    },
    tied={"decoder.weight": _WORDS},
    common=frozenset({"dense", "norm"}),
    tokenizer={"type": "byte-bpe", "special_tokens": "bert", "normalizer": "nfc"},
    objective={"nsp": False},
)
