"""RoBERTa and XLM-R as fairseq published them: `model.pt` beside `dict.txt` and the files of the tokenizer.

The options are a Namespace (`args`) in files of early releases and tables by subject (`cfg`) in those of later ones.
RoBERTa's tokenizer is GPT-2's (`encoder.json`, `vocab.bpe`), its ids renumbered by `dict.txt`; XLM-R's is
`sentencepiece.bpe.model`, renumbered likewise, which is how Hugging Face's files of that name are read.
"""

import json
import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.originals.original import Original, TensorSource, in_memory
from encodery.originals.pickled import read_pickle
from encodery.text.stored import read_bytes, read_table, read_text

MODEL = "model.pt"
FIRST = ("<s>", "<pad>", "</s>", "<unk>")
"""What fairseq's dictionaries begin with; `<mask>` comes last."""

_CONFIG = {
    "hidden_size": "encoder_embed_dim",
    "num_hidden_layers": "encoder_layers",
    "num_attention_heads": "encoder_attention_heads",
    "intermediate_size": "encoder_ffn_embed_dim",
    "hidden_act": "activation_fn",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
}
"""Keys of Hugging Face's config.json → names of fairseq's options."""
_RENAMED = (
    (r"^(?:de|en)coder\.sentence_encoder\.layers\.", "roberta.encoder.layer."),
    (r"^(?:de|en)coder\.sentence_encoder\.embed_tokens\.", "roberta.embeddings.word_embeddings."),
    (r"^(?:de|en)coder\.sentence_encoder\.embed_positions\.", "roberta.embeddings.position_embeddings."),
    (r"^(?:de|en)coder\.sentence_encoder\.(?:emb_layer_norm|layernorm_embedding)\.", "roberta.embeddings.LayerNorm."),
    (r"^(?:de|en)coder\.lm_head\.weight$", "lm_head.decoder.weight"),
    (r"^(?:de|en)coder\.lm_head\.", "lm_head."),
    (r"^classification_heads\.[^.]+\.", "classifier."),
    (r"\.self_attn\.out_proj\.", ".attention.output.dense."),
    (r"\.self_attn\.([qkv])_proj\.", r".attention.self.\1."),
    (r"\.fc1\.", ".intermediate.dense."),
    (r"\.fc2\.", ".output.dense."),
)
_NORMS_BEHIND = (
    (r"\.self_attn_layer_norm\.", ".attention.output.LayerNorm."),
    (r"\.final_layer_norm\.", ".output.LayerNorm."),
)
_NORMS_BEFORE = (
    (r"\.self_attn_layer_norm\.", ".attention.self_attn_layer_norm."),
    (r"\.final_layer_norm\.", ".LayerNorm."),
    (r"^(?:de|en)coder\.sentence_encoder\.layer_norm\.", "roberta.encoder.LayerNorm."),
)
_PARTS = {"q": "query", "k": "key", "v": "value"}
_NO_WEIGHT = re.compile(r"(?:\.version|\._float_tensor)$")
_JOINED = re.compile(r"^(.*\.self_attn\.)in_proj_(weight|bias)$")
_LAST_NORM = re.compile(r"^(?:de|en)coder\.sentence_encoder\.layer_norm\.")
"""Only where the layers have their norms before attention and feed-forward is there one at the end."""
_PUBLISHED = {True: "XLM-R XL and XXL are xlm-roberta-xl", False: "XLM-R base and large are xlm-roberta"}
_WORDS = "roberta.embeddings.word_embeddings.weight"
_ROW_MULTIPLE = 8
"""Where a table of words was spread over devices, rows without a token fill it up to a multiple of this."""

Renamed = tuple[tuple[str, str], ...]
"""Patterns of fairseq's names and what stands there today."""
Vocabulary = tuple[list[str], dict[str, Any]]
"""Tokens by id, and the tokenizer's files as Hugging Face names them."""


def find(
    path: Path, family: str, read_vocabulary: Callable[[Path], Vocabulary], may_spare_rows: bool = False
) -> Original | None:
    """The checkpoint at `path`, a `.pt` file or the folder of `model.pt`; None if it is no such thing.

    `may_spare_rows`: the family's checkpoints were spread over devices, and their tables of words may be filled up.

    Raises:
        UserError: it holds more than tensors and plain values, or files that belong to it are missing.
    """
    file = path / MODEL if path.is_dir() else path
    if not file.is_file() or file.suffix != ".pt":
        return None
    checkpoint = read_pickle(file)
    options = _options(checkpoint)
    if not isinstance(checkpoint.get("model"), dict) or options is None:
        raise UserError(f"{file}: not a checkpoint of fairseq, which holds `model`, and `args` or `cfg.model`")
    _check_tensors(checkpoint["model"], file)
    weights = {name: value for name, value in checkpoint["model"].items() if not _NO_WEIGHT.search(name)}
    _check_heads(weights, file)
    norms = _norms(weights, family, file)
    # a fine-tuned checkpoint keeps the head it was pretrained with; what it was fine-tuned for is what it is
    if any(name.startswith("classification_heads.") for name in weights):
        weights = {name: value for name, value in weights.items() if ".lm_head." not in name}
    _check_tied(weights, file)
    tensors = dict(_tensors(weights, (*_RENAMED, *norms)))
    tokens, files = read_vocabulary(file.parent)
    spare = _spare_rows(tensors, len(tokens)) if may_spare_rows else 0
    config = _config(options, family, tensors, len(tokens) + spare, file)
    return Original(family, str(file), config, tensors, files, spare)


def _options(checkpoint: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the model was built with, None if the file does not say it."""
    options = checkpoint.get("args")
    if options is None and isinstance(checkpoint.get("cfg"), dict):
        options = checkpoint["cfg"].get("model")
    return vars(options) if isinstance(options, Namespace) else options if isinstance(options, dict) else None


def _norms(weights: Mapping[str, Any], family: str, file: Path) -> Renamed:
    """What the norms of the layers are called today."""
    before = any(_LAST_NORM.match(name) for name in weights)
    if before != (FAMILIES[family].defaults.get("norm") == "pre"):
        there, here = ("before", "behind") if before else ("behind", "before")
        raise UserError(
            f"{file}: its norms stand {there} attention and feed-forward, those of {family} {here} them; "
            f"{_PUBLISHED[before]}"
        )
    return _NORMS_BEFORE if before else _NORMS_BEHIND


def _spare_rows(tensors: Mapping[str, TensorSource], num_tokens: int) -> int:
    """Rows of the table of words that no token has."""
    words = tensors.get(_WORDS)
    rows = words.shape[0] if words and words.shape else 0
    return rows - num_tokens if rows > num_tokens and rows % _ROW_MULTIPLE == 0 else 0


def _check_tensors(weights: Mapping[Any, Any], file: Path) -> None:
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(f"{file}: {name!r:.80} is a {type(value).__name__}, but a weight is a tensor with a name")
        if _JOINED.match(name) and (not value.ndim or value.shape[0] % 3):
            raise UserError(f"{file}: {name} has shape {tuple(value.shape)}, but holds query, key and value")


def _check_heads(weights: Mapping[str, Any], file: Path) -> None:
    heads = {name.split(".")[1] for name in weights if name.startswith("classification_heads.")}
    if len(heads) > 1:
        raise UserError(f"{file}: holds the heads {', '.join(sorted(heads))}; a model folder has one")


def _check_tied(weights: Mapping[str, Tensor], file: Path) -> None:
    for side in ("encoder", "decoder"):
        names = (f"{side}.sentence_encoder.embed_tokens.weight", f"{side}.lm_head.weight")
        words, copy = (weights.get(name) for name in names)
        if words is not None and copy is not None and not torch.equal(words, copy):
            raise UserError(
                f"{file}: {' and '.join(names)} differ; a model trained with untie_weights_roberta = True is not "
                "supported"
            )


def _config(
    options: Mapping[str, Any], family: str, tensors: Mapping[str, TensorSource], vocab_size: int, file: Path
) -> dict[str, Any]:
    missing = [theirs for theirs in _CONFIG.values() if theirs not in options]
    positions = tensors.get("roberta.embeddings.position_embeddings.weight")
    if missing or positions is None:
        raise UserError(f"{file}: not a RoBERTa of fairseq: no {', '.join(missing) or 'position table'} in it")
    return {
        "model_type": family,
        **{ours: options[theirs] for ours, theirs in _CONFIG.items()},
        "vocab_size": vocab_size,
        "max_position_embeddings": positions.shape[0],
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "pad_token_id": FIRST.index("<pad>"),
        "bos_token_id": FIRST.index("<s>"),
        "eos_token_id": FIRST.index("</s>"),
    }


def _tensors(weights: Mapping[str, Tensor], renamed: Renamed) -> Iterator[tuple[str, TensorSource]]:
    """Today's name → the tensor. fairseq has no token types; today's one of them adds nothing."""
    for name, value in weights.items():
        if joined := _JOINED.match(name):
            for part, chunk in zip("qkv", value.chunk(3), strict=True):
                yield _source(f"{joined[1]}{part}_proj.{joined[2]}", chunk, renamed)
        else:
            yield _source(name, value, renamed)
    word = weights.get("decoder.sentence_encoder.embed_tokens.weight")
    word = weights.get("encoder.sentence_encoder.embed_tokens.weight") if word is None else word
    if word is not None and word.ndim == 2:
        yield "roberta.embeddings.token_type_embeddings.weight", in_memory(word.new_zeros(1, word.shape[1]))


def _source(name: str, value: Tensor, renamed: Renamed) -> tuple[str, TensorSource]:
    for pattern, replacement in renamed:
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"\.self\.([qkv])\.", lambda found: f".self.{_PARTS[found[1]]}.", name)
    return name, in_memory(value)


def _dictionary(folder: Path) -> list[str]:
    """The entries of `dict.txt` in the order of their ids, fairseq's own around them."""
    lines = read_text(_beside(folder, "dict.txt")).removesuffix("\n").split("\n")
    return [*FIRST, *(line.rsplit(" ", 1)[0] for line in lines), "<mask>"]


def byte_bpe(folder: Path) -> Vocabulary:
    """GPT-2's tokens and merges in the order of the dictionary."""
    names = {str(index): token for token, index in read_table(_beside(folder, "encoder.json")).items()}
    tokens = [names.get(entry, entry) for entry in _dictionary(folder)]
    vocabulary = json.dumps({token: index for index, token in enumerate(tokens)}, ensure_ascii=False)
    merges = read_text(_beside(folder, "vocab.bpe"))
    return tokens, {"vocab.json": vocabulary, "merges.txt": merges}


def unigram(folder: Path) -> Vocabulary:
    """The SentencePiece model as it is."""
    model = read_bytes(_beside(folder, "sentencepiece.bpe.model"))
    return _dictionary(folder), {"sentencepiece.bpe.model": model}


def _beside(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise UserError(f"{path}: no such file; the tokenizer's files must lie beside {MODEL}, fetch it, too")
    return path
