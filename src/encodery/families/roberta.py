"""RoBERTa (Liu et al. 2019): BERT with a better pretraining scheme, without NSP, over byte-level BPE.

Sizes: section 3 and table 9 of the paper. As fairseq numbers them, positions begin one behind the padding token's id:
of the 514 rows of the published position tables, 512 are used. All tokens are of one type.
"""

from dataclasses import replace
from typing import Any

from encodery.families.bert import BERT, decoder_side, encoder_names, sizes
from encodery.families.family import Family, Follows, Head, both
from encodery.model.heads import BERT_HEADS, HeadShape


def roberta_sizes(layers: int, hidden: int, vocab_size: int) -> dict[str, Any]:
    """As BERT's, but for what RoBERTa's published checkpoints changed; XLM-R followed."""
    return {
        **sizes(layers, hidden, vocab_size),
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    }


def class_names(root: str) -> dict[frozenset[str], str]:
    """The classes that hold these heads."""
    return {
        frozenset(): f"{root}Model",
        frozenset({"mlm"}): f"{root}ForMaskedLM",
        frozenset({"sequence"}): f"{root}ForSequenceClassification",
        frozenset({"token"}): f"{root}ForTokenClassification",
        frozenset({"span"}): f"{root}ForQuestionAnswering",
        frozenset({"choice"}): f"{root}ForMultipleChoice",
    }


ROBERTA: Family = replace(
    BERT,
    model_type="roberta",
    presets={"base": roberta_sizes(12, 768, 50_265), "large": roberta_sizes(24, 1024, 50_265)},
    defaults={"pad_token_id": 1},
    follows={"position_offset": Follows("pad_token_id", plus=1)},
    kept=("bos_token_id", "eos_token_id"),
    base_prefix="roberta.",
    name_map=encoder_names("roberta"),
    pooler_map=both("dense", "roberta.pooler.dense"),
    heads={
        "mlm": Head(
            {
                **both("dense", "lm_head.dense"),
                **both("norm", "lm_head.layer_norm"),
                "decoder.bias": "lm_head.bias",
            },
            HeadShape("vocabulary", "tokens", dense="hidden", act="gelu", dropout_before=()),
        ),
        "sequence": Head(
            {**both("dense", "classifier.dense"), **both("out", "classifier.out_proj")},
            HeadShape("labels", dense="hidden", act="tanh", dropout_before=("dense", "out")),
        ),
        "token": Head(both("out", "classifier"), BERT_HEADS["token"]),
        "span": Head(both("out", "qa_outputs"), BERT_HEADS["span"]),
        "choice": Head(both("out", "classifier"), HeadShape(1, pooled=True, dropout="hidden_dropout_prob")),
    },
    architectures=class_names("Roberta"),
    tied={
        "lm_head.decoder.weight": "roberta.embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    },
    ignored=frozenset({"roberta.embeddings.position_ids"}),
    aliases={},
    tokenizer={"type": "byte-bpe"},
    objective={"nsp": False},
    decoder=decoder_side("roberta", "RobertaForCausalLM"),
)
