"""Tokenizer files from outside, which nobody vouches for: sizes checked, nothing run, errors for people."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tokenizers

from encodery.errors import UserError

MAX_BYTES = 64 * 2**20
"""Of any one file; the largest vocabulary of the five families, XLM-RoBERTa's, takes 17 MB."""
SPECIAL_TOKENS = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
"""The special tokens of RoBERTa and XLM-RoBERTa."""


def read_bytes(path: Path) -> bytes:
    """A whole file.

    Raises:
        UserError: it is too large or cannot be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path}: {path.stat().st_size:,} bytes; a tokenizer's file has at most {MAX_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); fetch or write it again") from None


def read_text(path: Path) -> str:
    """A whole file as UTF-8 text.

    Raises:
        UserError: it is too large, cannot be read, or is no UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read as UTF-8 text ({error}); fetch or write it again") from None


def read_table(path: Path) -> dict[str, Any]:
    """A JSON object; an absent file is an empty one.

    Raises:
        UserError: it is too large or holds something else.
    """
    if not path.is_file():
        return {}
    try:
        values = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}); repair or remove it") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: a JSON object is expected; repair or remove it")
    return values


def read_settings(folder: Path) -> dict[str, Any]:
    """`special_tokens_map.json` and, over it, `tokenizer_config.json`."""
    return read_table(folder / "special_tokens_map.json") | read_table(folder / "tokenizer_config.json")


def special_tokens(settings: Mapping[str, Any], defaults: Mapping[str, str]) -> dict[str, str]:
    """The special tokens by name; what the settings do not state is `defaults`."""
    stated = {name: settings.get(name) or token for name, token in defaults.items()}
    return {name: str(t.get("content") if isinstance(t, dict) else t) for name, t in stated.items()}


def read_backend(path: Path) -> tokenizers.Tokenizer:
    """The library's tokenizer of a `tokenizer.json`.

    Raises:
        UserError: it is too large or the library cannot make a tokenizer of it.
    """
    data = read_bytes(path)
    try:
        return tokenizers.Tokenizer.from_str(data.decode("utf-8"))
    except BaseException as error:  # the library raises nothing narrower, and Rust panics are no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a readable tokenizer ({reason}); fetch or write it again") from None


def check_special_tokens(path: Path, vocabulary: Mapping[str, int], names: Mapping[str, str]) -> None:
    """Every special token must have an id, and the ids must run from 0 without a gap.

    Raises:
        UserError: they do not.
    """
    for name, token in names.items():
        if token not in vocabulary:
            raise UserError(
                f"{path}: the {name} {token!r} is not in the vocabulary; name it in tokenizer_config.json"
            )
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise UserError(
            f"{path}: the ids of {len(vocabulary):,} tokens do not run from 0 without a gap; number them so"
        )


def by_id(vocabulary: Mapping[str, int]) -> list[str]:
    """The tokens in the order of their ids."""
    return sorted(vocabulary, key=vocabulary.__getitem__)


def mask_with_space(token: str) -> tokenizers.AddedToken:
    """The mask token as RoBERTa and XLM-RoBERTa have it: white space before it belongs to it."""
    return tokenizers.AddedToken(token, lstrip=True, normalized=False, special=True)


def stated_token(token: tokenizers.AddedToken) -> dict[str, Any]:
    """An added token as `special_tokens_map.json` writes it."""
    flags = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    return {flag: getattr(token, flag) for flag in flags}


def add_special_tokens(backend: tokenizers.Tokenizer, names: Mapping[str, str]) -> None:
    """Recognise the special tokens in text, the mask token with the space before it."""
    mask = names["mask_token"]
    plain = [token for token in dict.fromkeys(names.values()) if token != mask]
    backend.add_special_tokens([*plain, mask_with_space(mask)])


def write_settings(
    folder: Path, backend: tokenizers.Tokenizer, names: Mapping[str, str], config: Mapping[str, Any]
) -> None:
    """Write tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    (folder / "tokenizer.json").write_text(backend.to_str(pretty=True) + "\n", encoding="utf-8")
    added = {token.content: token for token in backend.get_added_tokens_decoder().values()}
    stated = {
        name: stated_token(added[token]) if token in added and added[token].lstrip else token
        for name, token in names.items()
    }
    typed = {name: {"__type": "AddedToken", **t} if isinstance(t, dict) else t for name, t in stated.items()}
    for name, table in (("tokenizer_config", {**config, **typed}), ("special_tokens_map", stated)):
        text = json.dumps(table, indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """One line each."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
