"""BERT (Devlin et al. 2019): masked LM and next sentence prediction over WordPiece.

Sizes: base and large from the paper, section 3; tiny to medium from Turc et al. 2019, table 1.
"""

from encodery.families.family import Family, Head


def _sizes(layers: int, hidden: int) -> dict[str, int]:
    """All published BERTs keep heads of 64 and a feed-forward of four times the width."""
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
    }


def _dense(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.{kind}": f"{theirs}.{kind}" for kind in ("weight", "bias")}


_LAYER = "bert.encoder.layer.{}"

BERT = Family(
    model_type="bert",
    presets={
        "tiny": _sizes(2, 128),
        "mini": _sizes(4, 256),
        "small": _sizes(4, 512),
        "medium": _sizes(8, 512),
        "base": _sizes(12, 768),
        "large": _sizes(24, 1024),
    },
    config_map={
        name: name
        for name in (
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "hidden_act",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "max_position_embeddings",
            "type_vocab_size",
            "layer_norm_eps",
            "initializer_range",
            "pad_token_id",
        )
    },
    fixed={
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "add_cross_attention": False,
        "tie_word_embeddings": True,
    },
    base_prefix="bert.",
    name_map={
        "embeddings.word.weight": "bert.embeddings.word_embeddings.weight",
        "embeddings.position.weight": "bert.embeddings.position_embeddings.weight",
        "embeddings.token_type.weight": "bert.embeddings.token_type_embeddings.weight",
        **_dense("embeddings.norm", "bert.embeddings.LayerNorm"),
        **{
            f"layers.{{}}.attention.qkv.{kind}": tuple(
                f"{_LAYER}.attention.self.{part}.{kind}" for part in ("query", "key", "value")
            )
            for kind in ("weight", "bias")
        },
        **_dense("layers.{}.attention.out", f"{_LAYER}.attention.output.dense"),
        **_dense("layers.{}.attention_norm", f"{_LAYER}.attention.output.LayerNorm"),
        **_dense("layers.{}.mlp.up", f"{_LAYER}.intermediate.dense"),
        **_dense("layers.{}.mlp.down", f"{_LAYER}.output.dense"),
        **_dense("layers.{}.mlp_norm", f"{_LAYER}.output.LayerNorm"),
    },
    pooler_map=_dense("dense", "bert.pooler.dense"),
    heads={
        "mlm": Head(
            {
                **_dense("dense", "cls.predictions.transform.dense"),
                **_dense("norm", "cls.predictions.transform.LayerNorm"),
                "decoder.bias": "cls.predictions.bias",
            }
        ),
        "nsp": Head(_dense("out", "cls.seq_relationship"), pooled=True),
        "sequence": Head(_dense("out", "classifier"), pooled=True),
    },
    architectures={
        frozenset(): "BertModel",
        frozenset({"mlm"}): "BertForMaskedLM",
        frozenset({"nsp"}): "BertForNextSentencePrediction",
        frozenset({"mlm", "nsp"}): "BertForPreTraining",
        frozenset({"sequence"}): "BertForSequenceClassification",
    },
    tied={
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    ignored=frozenset({"bert.embeddings.position_ids"}),
    aliases={"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"},
    tokenizer={"type": "wordpiece", "lowercase": True},
    objective={"nsp": True},
)
