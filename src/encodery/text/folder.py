"""A WordPiece tokenizer as files: what Hugging Face folders of BERT hold, read and written."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from encodery.errors import UserError


def build_backend(
    tokens: Sequence[str],
    special_tokens: Sequence[str],
    lowercase: bool,
    strip_accents: bool | None,
    split_cjk: bool,
) -> tokenizers.Tokenizer:
    """BERT's tokenizer over a vocabulary; `special_tokens` in the order pad, unk, cls, sep, mask."""
    ids = {token: index for index, token in enumerate(tokens)}
    _, unk, cls, sep, _ = special_tokens
    backend = tokenizers.Tokenizer(models.WordPiece(ids, unk_token=unk))
    backend.normalizer = normalizers.BertNormalizer(
        lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=split_cjk
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single=f"{cls}:0 $A:0 {sep}:0",
        pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
        special_tokens=[(cls, ids[cls]), (sep, ids[sep])],
    )
    backend.add_special_tokens(list(special_tokens))
    return backend


def read_folder(folder: Path, defaults: Mapping[str, str]) -> tuple[tokenizers.Tokenizer, dict[str, str]]:
    """The tokenizer of a folder and its special tokens by name; names the folder does not state are `defaults`.

    Raises:
        UserError: there is no tokenizer, it is broken, or a special token is not in the vocabulary.
    """
    config = _read_json(folder / "special_tokens_map.json") | _read_json(folder / "tokenizer_config.json")
    stated = {name: config.get(name) or token for name, token in defaults.items()}
    special_tokens = {name: str(t["content"] if isinstance(t, dict) else t) for name, t in stated.items()}
    path = folder / "tokenizer.json"
    if path.is_file():
        backend = _read_tokenizer_json(path)
    else:
        path = folder / "vocab.txt"
        backend = _read_vocabulary(path, config, special_tokens)
    vocabulary = backend.get_vocab(with_added_tokens=True)
    for name, token in special_tokens.items():
        if token not in vocabulary:
            raise UserError(
                f"{path}: the {name} {token!r} is not in the vocabulary; name it in tokenizer_config.json"
            )
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise UserError(
            f"{path}: the ids of {len(vocabulary):,} tokens do not run from 0 without a gap; number them so"
        )
    return backend, special_tokens


def _read_json(path: Path) -> dict[str, Any]:
    """A table of settings; an absent file is an empty one."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}); repair or remove it") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: a JSON object is expected; repair or remove it")
    return values


def _read_tokenizer_json(path: Path) -> tokenizers.Tokenizer:
    try:
        backend = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises nothing narrower
        raise UserError(f"{path}: not a readable tokenizer ({error}); fetch or write it again") from None
    kind = type(backend.model).__name__
    if kind != "WordPiece" or backend.model.continuing_subword_prefix != "##":
        raise UserError(f"{path}: the model is {kind}; only WordPiece with the prefix ## can be read")
    return backend


def _read_vocabulary(path: Path, config: dict[str, Any], special_tokens: dict[str, str]) -> tokenizers.Tokenizer:
    folder = path.parent
    if not path.is_file():
        raise UserError(
            f"{folder}: no tokenizer in it; tokenizer.json, or vocab.txt and tokenizer_config.json, is needed"
        )
    if not (folder / "tokenizer_config.json").is_file():
        raise UserError(
            f"{folder}: vocab.txt does not say whether text is lower-cased; "
            'add tokenizer_config.json with {"do_lower_case": true} or false'
        )
    try:
        tokens = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as UTF-8 text ({error}); fetch or write it again") from None
    first_line: dict[str, int] = {}
    for line, token in enumerate(tokens, start=1):
        if first_line.setdefault(token, line) != line:
            raise UserError(f"{path}:{line}: {token!r} is already on line {first_line[token]}; each token has one id")
    for name in special_tokens.values():
        if name not in first_line:
            raise UserError(f"{path}: the special token {name!r} is not in it; name yours in tokenizer_config.json")
    return build_backend(
        tokens,
        list(special_tokens.values()),
        config.get("do_lower_case", True),
        config.get("strip_accents"),
        config.get("tokenize_chinese_chars", True),
    )


def write_folder(folder: Path, backend: tokenizers.Tokenizer, special_tokens: Mapping[str, str]) -> None:
    """Write tokenizer.json, vocab.txt, tokenizer_config.json and special_tokens_map.json."""
    folder.mkdir(parents=True, exist_ok=True)
    text = backend.to_str(pretty=True)
    normalizer = json.loads(text)["normalizer"] or {}
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", **special_tokens}
    if normalizer.get("type") == "BertNormalizer":
        config |= {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": normalizer["lowercase"],
            "strip_accents": normalizer["strip_accents"],
            "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
        }
    vocabulary = backend.get_vocab(with_added_tokens=True)
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    (folder / "tokenizer.json").write_text(text + "\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    for name, table in (("tokenizer_config", config), ("special_tokens_map", dict(special_tokens))):
        (folder / f"{name}.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
