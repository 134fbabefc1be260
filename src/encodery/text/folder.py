"""A tokenizer as files: which kind a folder holds, in `tokenizer.json` or in the files of the original."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from encodery.errors import UserError
from encodery.text import byte_bpe, moses_bpe_files, unigram, wordpiece
from encodery.text.kind import Kind
from encodery.text.library import LibraryKind
from encodery.text.stored import check_special_tokens, read_backend, read_settings, special_tokens

_MODELS: Mapping[str, type[LibraryKind]] = {
    "WordPiece": wordpiece.WordPiece,
    "BPE": byte_bpe.ByteBpe,
    "Unigram": unigram.Unigram,
}


def _read_vocab_json(path: Path, settings: dict[str, Any]) -> Kind:
    if moses_bpe_files.is_moses_bpe(path, settings):
        return moses_bpe_files.read_original(path, settings)
    return byte_bpe.read_original(path, settings)


_ORIGINALS: Mapping[str, Callable[[Path, dict[str, Any]], Kind]] = {
    "vocab.txt": wordpiece.read_original,
    "vocab.json": _read_vocab_json,
    "sentencepiece.bpe.model": unigram.read_original,
}


def has_tokenizer(folder: Path) -> bool:
    """Whether there is a file that `read_folder` would read."""
    return any((folder / name).is_file() for name in ("tokenizer.json", *_ORIGINALS))


def read_folder(folder: Path) -> Kind:
    """The tokenizer of a folder: `tokenizer.json` if there is one, else the files of the original.

    Raises:
        UserError: there is no tokenizer, it is broken or of another kind, or a special token has no id.
    """
    settings = read_settings(folder)
    path = folder / "tokenizer.json"
    if path.is_file():
        return _read_tokenizer_json(path, settings)
    for name, read in _ORIGINALS.items():
        if (folder / name).is_file():
            return read(folder / name, settings)
    raise UserError(
        f"{folder}: no tokenizer in it; tokenizer.json, vocab.txt and tokenizer_config.json, vocab.json and "
        "merges.txt, or sentencepiece.bpe.model is needed"
    )


def _read_tokenizer_json(path: Path, settings: dict[str, Any]) -> Kind:
    backend = read_backend(path)
    model = type(backend.model).__name__
    kind = _MODELS.get(model)
    unfit = f"the model is {model}" if kind is None else kind.unfit(backend)
    if kind is None or unfit:
        raise UserError(
            f"{path}: {unfit}; WordPiece with the prefix ##, byte-level BPE as RoBERTa has it, and Unigram as "
            "XLM-RoBERTa has it can be read"
        )
    names = special_tokens(settings, kind.default_tokens)
    check_special_tokens(path, backend.get_vocab(with_added_tokens=True), names)
    return kind(backend, names)
