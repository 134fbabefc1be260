"""BERT (Devlin et al. 2019): masked LM and next sentence prediction over WordPiece.

Sizes: base and large from the paper, section 3; tiny to medium from Turc et al. 2019, table 1.
"""

from typing import Any

from encodery.families.family import DecoderSide, Family, Head, both
from encodery.model.heads import BERT_HEADS


def sizes(layers: int, hidden: int, vocab_size: int) -> dict[str, Any]:
    """Heads of 64 and a feed-forward of four times the width, as almost everyone keeps them."""
    return {
        "vocab_size": vocab_size,
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
    }


def encoder_names(root: str) -> dict[str, str | tuple[str, ...]]:
    """The weights of BERT's encoder under `root`; RoBERTa kept the names."""
    layer = f"{root}.encoder.layer.{{}}"
    return {
        "embeddings.word.weight": f"{root}.embeddings.word_embeddings.weight",
        "embeddings.position.weight": f"{root}.embeddings.position_embeddings.weight",
        "embeddings.token_type.weight": f"{root}.embeddings.token_type_embeddings.weight",
        **both("embeddings.norm", f"{root}.embeddings.LayerNorm"),
        **{
            f"layers.{{}}.attention.qkv.{kind}": tuple(
                f"{layer}.attention.self.{part}.{kind}" for part in ("query", "key", "value")
            )
            for kind in ("weight", "bias")
        },
        **both("layers.{}.attention.out", f"{layer}.attention.output.dense"),
        **both("layers.{}.attention_norm", f"{layer}.attention.output.LayerNorm"),
        **both("layers.{}.mlp.up", f"{layer}.intermediate.dense"),
        **both("layers.{}.mlp.down", f"{layer}.output.dense"),
        **both("layers.{}.mlp_norm", f"{layer}.output.LayerNorm"),
    }


def cross_names(root: str) -> dict[str, str | tuple[str, ...]]:
    """The weights of cross-attention in the decoder under `root`."""
    cross = f"{root}.encoder.layer.{{}}.crossattention"
    return {
        **both("layers.{}.cross_attention.query", f"{cross}.self.query"),
        **{
            f"layers.{{}}.cross_attention.key_value.{kind}": tuple(
                f"{cross}.self.{part}.{kind}" for part in ("key", "value")
            )
            for kind in ("weight", "bias")
        },
        **both("layers.{}.cross_attention.out", f"{cross}.output.dense"),
        **both("layers.{}.cross_norm", f"{cross}.output.LayerNorm"),
    }


def decoder_side(root: str, architecture: str) -> DecoderSide:
    """The decoder under `root`; RoBERTa's is like BERT's."""
    return DecoderSide(cross_names(root), {"is_decoder": True, "add_cross_attention": True}, architecture)


BERT = Family(
    model_type="bert",
    presets={
        "tiny": sizes(2, 128, 30_522),
        "mini": sizes(4, 256, 30_522),
        "small": sizes(4, 512, 30_522),
        "medium": sizes(8, 512, 30_522),
        "base": sizes(12, 768, 30_522),
        "large": sizes(24, 1024, 30_522),
        "multilingual": sizes(12, 768, 119_547),
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
            "classifier_dropout",
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
    name_map=encoder_names("bert"),
    pooler_map=both("dense", "bert.pooler.dense"),
    heads={
        "mlm": Head(
            {
                **both("dense", "cls.predictions.transform.dense"),
                **both("norm", "cls.predictions.transform.LayerNorm"),
                "decoder.bias": "cls.predictions.bias",
            },
            BERT_HEADS["mlm"],
        ),
        "nsp": Head(both("out", "cls.seq_relationship"), BERT_HEADS["nsp"]),
        "sequence": Head(both("out", "classifier"), BERT_HEADS["sequence"]),
        "token": Head(both("out", "classifier"), BERT_HEADS["token"]),
        "span": Head(both("out", "qa_outputs"), BERT_HEADS["span"]),
        "choice": Head(both("out", "classifier"), BERT_HEADS["choice"]),
    },
    architectures={
        frozenset(): "BertModel",
        frozenset({"mlm"}): "BertForMaskedLM",
        frozenset({"nsp"}): "BertForNextSentencePrediction",
        frozenset({"mlm", "nsp"}): "BertForPreTraining",
        frozenset({"sequence"}): "BertForSequenceClassification",
        frozenset({"token"}): "BertForTokenClassification",
        frozenset({"span"}): "BertForQuestionAnswering",
        frozenset({"choice"}): "BertForMultipleChoice",
    },
    tied={
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    ignored=frozenset({"bert.embeddings.position_ids"}),
    aliases={"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"},
    tokenizer={"type": "wordpiece", "lowercase": True},
    objective={"nsp": True},
    decoder=decoder_side("bert", "BertLMHeadModel"),
)
