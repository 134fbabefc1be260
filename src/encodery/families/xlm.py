"""XLM (Conneau and Lample 2019): masked, causal and translation LM in many languages over Moses tokens and BPE.

Sizes: the models of the paper's release (github.com/facebookresearch/XLM); 17 and 100 languages also in table 7 of
Conneau et al. 2020. A language's vector is added to each of its tokens where `language_ids` are given. The release
can also add a word's vector as a token type, and share one table of adaptive softmax: neither is read here.
"""

from typing import Any

from encodery.families.family import Coded, DecoderSide, Family, Follows, Head, both
from encodery.model.heads import HeadShape

_WORDS = "transformer.embeddings.weight"


def _sizes(layers: int, hidden: int, heads: int, vocab_size: int, **languages: Any) -> dict[str, Any]:
    return {
        "vocab_size": vocab_size,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        **languages,
    }


_DECODER = DecoderSide(
    name_map={
        **both("layers.{}.cross_attention.query", "transformer.encoder_attn.{}.q_lin"),
        **{
            f"layers.{{}}.cross_attention.key_value.{kind}": tuple(
                f"transformer.encoder_attn.{{}}.{part}_lin.{kind}" for part in "kv"
            )
            for kind in ("weight", "bias")
        },
        **both("layers.{}.cross_attention.out", "transformer.encoder_attn.{}.out_lin"),
        **both("layers.{}.cross_norm", "transformer.layer_norm15.{}"),
    },
    fixed={"is_encoder": False, "causal": True},
    architecture="XLMWithLMHeadModel",
    in_transformers=False,
)
"""The names of XLM's own code; `transformers` has the encoder only, and refuses a decoder by its `is_encoder`."""

XLM = Family(
    model_type="xlm",
    presets={
        "en-2048": _sizes(12, 2048, 16, 30_145, num_languages=1),
        "xnli15-1024": _sizes(12, 1024, 8, 95_000, num_languages=15),
        "17-1280": _sizes(16, 1280, 16, 200_000, num_languages=17, use_language_embeddings=False),
        "100-1280": _sizes(16, 1280, 16, 200_000, num_languages=100, use_language_embeddings=False),
    },
    config_map={
        "vocab_size": "vocab_size",
        "hidden_size": "emb_dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "hidden_act": Coded("gelu_activation", {"gelu": True, "relu": False}),
        "hidden_dropout_prob": "dropout",
        "attention_probs_dropout_prob": "attention_dropout",
        "classifier_dropout": "summary_first_dropout",
        "position": Coded("sinusoidal_embeddings", {"learned": False, "sinusoidal": True}),
        "max_position_embeddings": "max_position_embeddings",
        "num_languages": "n_langs",
        "use_language_embeddings": "use_lang_emb",
        "layer_norm_eps": "layer_norm_eps",
        "initializer_range": "init_std",
        "embed_init_std": "embed_init_std",
        "pad_token_id": "pad_token_id",
        "start_n_top": "start_n_top",
        "end_n_top": "end_n_top",
    },
    defaults={
        "hidden_size": 2048,
        "num_attention_heads": 16,
        "type_vocab_size": 0,
        "num_languages": 1,
        "classifier_dropout": 0.1,
        "embed_init_std": 2048**-0.5,
        "pad_token_id": 2,
    },
    follows={"intermediate_size": Follows("hidden_size", times=4)},
    old_keys={"n_words": "vocab_size", "pad_index": "pad_token_id"},
    kept=(
        "bos_token_id",
        "eos_token_id",
        "unk_index",
        "mask_index",
        "mask_token_id",
        "lang_id",
        "lang2id",
        "id2lang",
    ),
    fixed={
        "asm": False,
        "causal": False,
        "is_encoder": True,
        "summary_type": "first",
        "summary_use_proj": True,
        "summary_activation": None,
        "summary_proj_to_labels": True,
        "tie_word_embeddings": True,
    },
    meanings={
        "asm": "an adaptive softmax over the vocabulary",
        "causal": "attention to earlier tokens only",
        "is_encoder": "a decoder",
    },
    base_prefix="transformer.",
    name_map={
        "embeddings.word.weight": _WORDS,
        "embeddings.position.weight": "transformer.position_embeddings.weight",
        "embeddings.language.weight": "transformer.lang_embeddings.weight",
        **both("embeddings.norm", "transformer.layer_norm_emb"),
        **{
            f"layers.{{}}.attention.qkv.{kind}": tuple(
                f"transformer.attentions.{{}}.{part}_lin.{kind}" for part in "qkv"
            )
            for kind in ("weight", "bias")
        },
        **both("layers.{}.attention.out", "transformer.attentions.{}.out_lin"),
        **both("layers.{}.attention_norm", "transformer.layer_norm1.{}"),
        **both("layers.{}.mlp.up", "transformer.ffns.{}.lin1"),
        **both("layers.{}.mlp.down", "transformer.ffns.{}.lin2"),
        **both("layers.{}.mlp_norm", "transformer.layer_norm2.{}"),
    },
    pooler_map={},
    heads={
        "mlm": Head({"decoder.bias": "pred_layer.proj.bias"}, HeadShape("vocabulary", "tokens", dropout_before=())),
        "sequence": Head(both("out", "sequence_summary.summary"), HeadShape("labels")),
        "token": Head(both("out", "classifier"), HeadShape("labels", "tokens", dropout="hidden_dropout_prob")),
        "span": Head(both("out", "qa_outputs"), HeadShape(2, "tokens", dropout="qa_dropout")),
        "beam": Head(
            {
                **both("start", "qa_outputs.start_logits.dense"),
                **both("end_dense", "qa_outputs.end_logits.dense_0"),
                **both("end_norm", "qa_outputs.end_logits.LayerNorm"),
                **both("end", "qa_outputs.end_logits.dense_1"),
                **both("answer_dense", "qa_outputs.answer_class.dense_0"),
                "answer.weight": "qa_outputs.answer_class.dense_1.weight",
            },
            HeadShape("beam", "tokens", dropout_before=()),
        ),
        "choice": Head(
            {**both("dense", "sequence_summary.summary"), **both("out", "logits_proj")},
            HeadShape(1, dense="labels", dropout_before=("dense",)),
        ),
    },
    architectures={
        frozenset(): "XLMModel",
        frozenset({"mlm"}): "XLMWithLMHeadModel",
        frozenset({"sequence"}): "XLMForSequenceClassification",
        frozenset({"token"}): "XLMForTokenClassification",
        frozenset({"span"}): "XLMForQuestionAnsweringSimple",
        frozenset({"beam"}): "XLMForQuestionAnswering",
        frozenset({"choice"}): "XLMForMultipleChoice",
    },
    tied={"pred_layer.proj.weight": _WORDS},
    ignored=frozenset({"transformer.position_ids"}),
    tokenizer={"type": "moses-bpe"},
    objective={"nsp": False},
    decoder=_DECODER,
    alpha=0.7,  # Conneau and Lample 2019, sec. 3.5: the language of a batch; 0.5 (sec. 3.1) is for the vocabulary
)
