"""DistilBERT (Sanh et al. 2019): half of BERT's layers, no token types, no pooler; distilled from BERT.

Sizes: section 3 of the paper; the multilingual one has the vocabulary of multilingual BERT.
"""

from encodery.families.bert import sizes
from encodery.families.family import Coded, Family, Head, both
from encodery.model.heads import HeadShape

_LAYER = "distilbert.transformer.layer.{}"
_EMBEDDINGS = "distilbert.embeddings"

DISTILBERT = Family(
    model_type="distilbert",
    presets={"base": sizes(6, 768, 30_522), "multilingual": sizes(6, 768, 119_547)},
    config_map={
        "vocab_size": "vocab_size",
        "hidden_size": "dim",
        "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads",
        "intermediate_size": "hidden_dim",
        "hidden_act": "activation",
        "hidden_dropout_prob": "dropout",
        "attention_probs_dropout_prob": "attention_dropout",
        "classifier_dropout": "seq_classif_dropout",
        "qa_dropout": "qa_dropout",
        "position": Coded("sinusoidal_pos_embds", {"learned": False, "sinusoidal": True}),
        "max_position_embeddings": "max_position_embeddings",
        "initializer_range": "initializer_range",
        "pad_token_id": "pad_token_id",
    },
    defaults={"num_hidden_layers": 6, "type_vocab_size": 0, "classifier_dropout": 0.2, "qa_dropout": 0.1},
    fixed={"tie_word_embeddings": True},
    base_prefix="distilbert.",
    name_map={
        "embeddings.word.weight": f"{_EMBEDDINGS}.word_embeddings.weight",
        "embeddings.position.weight": f"{_EMBEDDINGS}.position_embeddings.weight",
        **both("embeddings.norm", f"{_EMBEDDINGS}.LayerNorm"),
        **{
            f"layers.{{}}.attention.qkv.{kind}": tuple(f"{_LAYER}.attention.{part}_lin.{kind}" for part in "qkv")
            for kind in ("weight", "bias")
        },
        **both("layers.{}.attention.out", f"{_LAYER}.attention.out_lin"),
        **both("layers.{}.attention_norm", f"{_LAYER}.sa_layer_norm"),
        **both("layers.{}.mlp.up", f"{_LAYER}.ffn.lin1"),
        **both("layers.{}.mlp.down", f"{_LAYER}.ffn.lin2"),
        **both("layers.{}.mlp_norm", f"{_LAYER}.output_layer_norm"),
    },
    pooler_map={},
    heads={
        "mlm": Head(
            {
                **both("dense", "vocab_transform"),
                **both("norm", "vocab_layer_norm"),
                "decoder.bias": "vocab_projector.bias",
            },
            HeadShape("vocabulary", "tokens", dense="hidden", act="hidden_act", dropout_before=()),
        ),
        "sequence": Head(
            {**both("dense", "pre_classifier"), **both("out", "classifier")},
            HeadShape("labels", dense="hidden", act="relu"),
        ),
        "token": Head(both("out", "classifier"), HeadShape("labels", "tokens", dropout="hidden_dropout_prob")),
        "span": Head(both("out", "qa_outputs"), HeadShape(2, "tokens", dropout="qa_dropout")),
        "choice": Head(
            {**both("dense", "pre_classifier"), **both("out", "classifier")},
            HeadShape(1, dense="hidden", act="relu"),
        ),
    },
    architectures={
        frozenset(): "DistilBertModel",
        frozenset({"mlm"}): "DistilBertForMaskedLM",
        frozenset({"sequence"}): "DistilBertForSequenceClassification",
        frozenset({"token"}): "DistilBertForTokenClassification",
        frozenset({"span"}): "DistilBertForQuestionAnswering",
        frozenset({"choice"}): "DistilBertForMultipleChoice",
    },
    tied={"vocab_projector.weight": f"{_EMBEDDINGS}.word_embeddings.weight"},
    ignored=frozenset({f"{_EMBEDDINGS}.position_ids"}),
    tokenizer={"type": "wordpiece", "lowercase": True},
    objective={"nsp": False},
)
