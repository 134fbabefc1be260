"""RoBERTa and XLM-R as fairseq published them: `model.pt` beside `dict.txt` and the files of the tokenizer.

RoBERTa's tokenizer is GPT-2's (`encoder.json`, `vocab.bpe`), its ids renumbered by `dict.txt`; XLM-R's is
`sentencepiece.bpe.model`, renumbered likewise, which is how Hugging Face's files of that name are read.
"""

import json
import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from encodery.errors import UserError
from encodery.originals.original import Original, TensorSource
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
    (r"\.self_attn_layer_norm\.", ".attention.output.LayerNorm."),
    (r"\.fc1\.", ".intermediate.dense."),
    (r"\.fc2\.", ".output.dense."),
    (r"\.final_layer_norm\.", ".output.LayerNorm."),
)
_PARTS = {"q": "query", "k": "key", "v": "value"}
_NO_WEIGHT = re.compile(r"(?:\.version|\._float_tensor)$")
_JOINED = re.compile(r"^(.*\.self_attn\.)in_proj_(weight|bias)$")


Vocabulary = tuple[list[str], dict[str, Any]]
"""Tokens by id, and the tokenizer's files as Hugging Face names them."""


def find(path: Path, family: str, read_vocabulary: Callable[[Path], Vocabulary]) -> Original | None:
    """The checkpoint at `path`, a `.pt` file or the folder of `model.pt`; None if it is no such thing.

    Raises:
        UserError: it holds more than tensors and plain values, or files that belong to it are missing.
    """
    file = path / MODEL if path.is_dir() else path
    if not file.is_file() or file.suffix != ".pt":
        return None
    checkpoint = read_pickle(file)
    if not isinstance(checkpoint.get("model"), dict) or not isinstance(checkpoint.get("args"), Namespace):
        raise UserError(f"{file}: not a checkpoint of fairseq, which holds `args` and `model`")
    _check_tensors(checkpoint["model"], file)
    weights = {name: value for name, value in checkpoint["model"].items() if not _NO_WEIGHT.search(name)}
    _check_heads(weights, file)
    # a fine-tuned checkpoint keeps the head it was pretrained with; what it was fine-tuned for is what it is
    if any(name.startswith("classification_heads.") for name in weights):
        weights = {name: value for name, value in weights.items() if ".lm_head." not in name}
    tensors = dict(_tensors(weights))
    tokens, files = read_vocabulary(file.parent)
    return Original(
        family, str(file), _config(checkpoint["args"], family, tensors, len(tokens), file), tensors, files
    )


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


def _config(
    args: Namespace, family: str, tensors: Mapping[str, TensorSource], vocab_size: int, file: Path
) -> dict[str, Any]:
    options = vars(args)
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


def _tensors(weights: Mapping[str, Tensor]) -> Iterator[tuple[str, TensorSource]]:
    """Today's name → the tensor. fairseq has no token types; today's one of them adds nothing."""
    for name, value in weights.items():
        if joined := _JOINED.match(name):
            for part, chunk in zip("qkv", value.chunk(3), strict=True):
                yield _source(f"{joined[1]}{part}_proj.{joined[2]}", chunk)
        else:
            yield _source(name, value)
    word = weights.get("decoder.sentence_encoder.embed_tokens.weight")
    word = weights.get("encoder.sentence_encoder.embed_tokens.weight") if word is None else word
    if word is not None and word.ndim == 2:
        zeros = word.new_zeros(1, word.shape[1])
        yield "roberta.embeddings.token_type_embeddings.weight", TensorSource(tuple(zeros.shape), lambda: zeros)


def _source(name: str, value: Tensor) -> tuple[str, TensorSource]:
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    name = re.sub(r"\.self\.([qkv])\.", lambda found: f".self.{_PARTS[found[1]]}.", name)
    return name, TensorSource(tuple(value.shape), partial(value.float().contiguous))


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
