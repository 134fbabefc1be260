"""XLM as its authors published it (github.com/facebookresearch/XLM): one `.pth` with weights, settings and words,
beside it the codes of fastBPE (`codes_xnli_15`).
"""

import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from encodery.errors import UserError
from encodery.originals.original import Original, TensorSource, in_memory
from encodery.originals.pickled import read_pickle
from encodery.text.end_of_word_bpe import END_OF_WORD
from encodery.text.moses import without_case_and_accents
from encodery.text.moses_bpe import CLASS
from encodery.text.moses_bpe_files import parse_merges
from encodery.text.stored import read_text

SUFFIX = ".pth"
CODES = "codes*"
_CONTINUED = "@@"
_NUM_SPECIAL = 14
"""`<s>`, `</s>`, `<pad>`, `<unk>` and ten more stand for themselves, with no end of a word."""

_SIZES = ("n_words", "emb_dim", "n_layers", "n_heads", "dropout", "attention_dropout", "gelu_activation")
_CONFIG = {
    **{name: name for name in (*_SIZES, "sinusoidal_embeddings", "n_langs", "pad_index", "unk_index", "mask_index")},
    "bos_token_id": "eos_index",  # a sequence opens with what it ends with
    "eos_token_id": "eos_index",
}
"""Keys of Hugging Face's config.json → names of XLM's settings."""
_DEFAULTS: Mapping[str, Any] = {"use_lang_emb": True, "asm": False, "lang2id": {}, "id2lang": {}}
"""Settings that the first releases lack."""
_POSITIONS = "transformer.position_embeddings.weight"


def find(path: Path) -> Original | None:
    """The checkpoint at `path`, a `.pth` file or the folder of exactly one; None if it is no such thing.

    Raises:
        UserError: it holds more than tensors and plain values, or the codes are missing.
    """
    file = _only(path, f"*{SUFFIX}", "checkpoints") if path.is_dir() else path
    if file is None or not file.is_file() or file.suffix != SUFFIX:
        return None
    checkpoint = read_pickle(file)
    if "encoder" in checkpoint and "decoder" in checkpoint:
        raise UserError(f"{file}: holds an encoder and a decoder; only models with one part can be read")
    settings = checkpoint.get("params")
    settings = vars(settings) if isinstance(settings, Namespace) else settings
    weights, words = checkpoint.get("model"), checkpoint.get("dico_id2word")
    if not isinstance(settings, dict) or not isinstance(weights, dict) or not isinstance(words, dict):
        raise UserError(f"{file}: not a checkpoint of XLM, which holds `params`, `model` and `dico_id2word`")
    tensors = dict(_tensors(weights, file))
    tokens = _tokens(words, file)
    config = _config(settings, tensors, file)
    return Original("xlm", str(file), config, tensors, _tokenizer_files(file, tokens))


def _only(folder: Path, pattern: str, what: str) -> Path | None:
    """The one file of a kind, None if there is none."""
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if len(found) > 1:
        listed = ", ".join(path.name for path in found)
        raise UserError(f"{folder}: holds {len(found)} {what} ({listed}); leave the one to import")
    return found[0] if found else None


def _tensors(weights: Mapping[Any, Any], file: Path) -> Iterator[tuple[str, TensorSource]]:
    """Hugging Face's name → the tensor; the names are XLM's own but for what stands before them."""
    named: dict[str, Tensor] = {}
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise UserError(f"{file}: {name!r:.80} is a {type(value).__name__}, but a weight is a tensor with a name")
        named[name.removeprefix("module.")] = value  # trained on several GPUs
    words, copy = named.get("embeddings.weight"), named.get("pred_layer.proj.weight")
    if words is not None and copy is not None and not torch.equal(words, copy):
        raise UserError(
            f"{file}: pred_layer.proj.weight and embeddings.weight differ; a model trained with "
            "share_inout_emb = False is not supported"
        )
    for name, value in named.items():
        theirs = name if name.startswith("pred_layer.") else f"transformer.{name}"
        yield theirs, in_memory(value)


def _config(settings: Mapping[str, Any], tensors: Mapping[str, TensorSource], file: Path) -> dict[str, Any]:
    missing = [theirs for theirs in _CONFIG.values() if theirs not in settings]
    if missing or _POSITIONS not in tensors:
        raise UserError(f"{file}: not a Transformer of XLM: no {', '.join(missing) or 'position table'} in it")
    stated = {name: settings.get(name, default) for name, default in _DEFAULTS.items()}
    return {
        "model_type": "xlm",
        **{ours: settings[theirs] for ours, theirs in _CONFIG.items()},
        **stated,
        "id2lang": {str(index): language for index, language in dict(stated["id2lang"]).items()},
        "mask_token_id": settings["mask_index"],
        "max_position_embeddings": tensors[_POSITIONS].shape[0],
        "layer_norm_eps": 1e-12,
    }


def _tokens(words: Mapping[Any, Any], file: Path) -> list[str]:
    """The vocabulary by id, with the ends of words marked as `transformers` does: `in@@` is `in`, `in` `in</w>`."""
    if sorted(map(str, words)) != sorted(map(str, range(len(words)))) or not all(
        isinstance(word, str) for word in words.values()
    ):
        raise UserError(f"{file}: dico_id2word does not number its {len(words):,} words from 0 without a gap")
    tokens = [_token(words[index], index) for index in range(len(words))]
    if len(set(tokens)) < len(tokens):
        double = next(token for token in tokens if tokens.count(token) > 1)
        raise UserError(f"{file}: dico_id2word has the token {double!r:.80} twice; each token has one id")
    return tokens


def _token(word: str, index: int) -> str:
    if index < _NUM_SPECIAL:
        return word
    return word.removesuffix(_CONTINUED) if word.endswith(_CONTINUED) else word + END_OF_WORD


def _tokenizer_files(file: Path, tokens: list[str]) -> dict[str, Any]:
    codes = _only(file.parent, CODES, "lists of codes")
    if codes is None:
        raise UserError(f"{file.parent}/{CODES}: no such file; the codes of fastBPE must lie beside {file.name}")
    merges = parse_merges(read_text(codes), codes)
    return {
        "vocab.json": {token: index for index, token in enumerate(tokens)},
        "merges.txt": "".join(f"{first} {second}\n" for first, second in merges),
        "tokenizer_config.json": {
            "tokenizer_class": CLASS,
            "bos_token": "</s>",
            "do_lowercase_and_remove_accent": all(_is_plain(token) for token in tokens[_NUM_SPECIAL:]),
        },
    }


def _is_plain(token: str) -> bool:
    """Whether a vocabulary made of text in lower case, without accents, could have the token."""
    token = re.sub(f"{END_OF_WORD}$", "", token)
    return without_case_and_accents(token) == token
