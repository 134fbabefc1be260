"""XLM-RoBERTa XL and XXL (Goyal et al. 2021): XLM-R grown, with norms before attention and feed-forward.

Sizes: section 2 of the paper. The embeddings are not normalised, the last layer's output is; all else is as in XLM-R.
In training, dropout stands behind the feed-forward as well, as in fairseq; their class in `transformers` lost it.
"""

from dataclasses import replace
from typing import Any

from encodery.families.bert import cross_names, encoder_names
from encodery.families.family import DecoderSide, Family, both
from encodery.families.roberta import class_names
from encodery.families.xlm_r import XLM_R

_LAYER = "roberta.encoder.layer.{}"


def _sizes(layers: int, hidden: int) -> dict[str, Any]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": 32,
        "intermediate_size": 4 * hidden,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    }


XLM_R_XL: Family = replace(
    XLM_R,
    model_type="xlm-roberta-xl",
    presets={
        "xl": {"vocab_size": 250_880, **_sizes(36, 2560)},
        "xxl": {"vocab_size": 250_880, **_sizes(48, 4096)},
    },
    defaults={**XLM_R.defaults, **_sizes(36, 2560), "norm": "pre", "embedding_norm": False},
    name_map={
        **{
            ours: theirs
            for ours, theirs in encoder_names("roberta").items()
            if not ours.startswith("embeddings.norm")
        },
        **both("layers.{}.attention_norm", f"{_LAYER}.attention.self_attn_layer_norm"),
        **both("layers.{}.mlp_norm", f"{_LAYER}.LayerNorm"),
        **both("norm", "roberta.encoder.LayerNorm"),
    },
    architectures=class_names("XLMRobertaXL"),
    decoder=DecoderSide(
        {
            **{ours: theirs for ours, theirs in cross_names("roberta").items() if "cross_norm" not in ours},
            **both("layers.{}.cross_norm", f"{_LAYER}.crossattention.self_attn_layer_norm"),
        },
        {"is_decoder": True, "add_cross_attention": True},
        "XLMRobertaXLForCausalLM",
    ),
)
