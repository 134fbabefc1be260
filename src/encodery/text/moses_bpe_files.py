"""The files of XLM's tokenizer: `vocab.json`, `merges.txt`, `tokenizer_config.json`, and what is wrong with them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from encodery.errors import UserError
from encodery.text.end_of_word_bpe import END_OF_WORD, Merge
from encodery.text.moses_bpe import CLASS, LANGUAGE, RESERVED, XLM_SPECIAL_TOKENS, MosesBpe
from encodery.text.stored import check_special_tokens, read_table, read_text, special_tokens

_KEPT = ("lang2id", "id2lang")


def is_moses_bpe(path: Path, settings: Mapping[str, Any]) -> bool:
    """Whether a `vocab.json` is of this kind: the settings name the class, else tokens close words."""
    stated = settings.get("tokenizer_class")
    return stated == CLASS if stated else any(token.endswith(END_OF_WORD) for token in read_table(path))


def read_original(path: Path, settings: Mapping[str, Any]) -> MosesBpe:
    """The tokenizer of a `vocab.json` with the `merges.txt` beside it.

    Raises:
        UserError: a file is missing or broken, the settings are none of XLM's, or a package is not installed.
    """
    vocabulary = read_table(path)
    added = _added_tokens(path, settings)
    vocabulary |= added
    if not all(type(index) is int for index in vocabulary.values()):
        raise UserError(f"{path}: each token must have one whole number as its id; fetch or write it again")
    names = special_tokens(settings, XLM_SPECIAL_TOKENS)
    others = _others(path, settings)
    recognised = list(dict.fromkeys([*names.values(), *others, *added]))
    missing = [token for token in recognised if token not in vocabulary and token not in names.values()]
    check_special_tokens(path, vocabulary, names | ({"special token": missing[0]} if missing else {}))
    merges = read_merges(path.with_name("merges.txt"))
    language = settings.get("language") or "en"
    if not isinstance(language, str) or not re.fullmatch(LANGUAGE, language):
        raise UserError(f"{path.parent}/tokenizer_config.json: language = {language!r:.80} is no code as 'en' is one")
    lowercase = settings.get("do_lowercase_and_remove_accent", True)
    if not isinstance(lowercase, bool):
        raise UserError(
            f"{path.parent}/tokenizer_config.json: do_lowercase_and_remove_accent = {lowercase!r:.80}; "
            "true or false is allowed"
        )
    kept = {key: settings[key] for key in _KEPT if settings.get(key)}
    kept |= {"language": language, "do_lowercase_and_remove_accent": lowercase}
    return MosesBpe(vocabulary, merges, names, recognised, kept)


def read_merges(path: Path) -> list[Merge]:
    """The pairs of a `merges.txt`, the first the most frequent; a count behind a pair is not read.

    Raises:
        UserError: it is missing or a line is no pair.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; vocab.json needs merges.txt beside it")
    return parse_merges(read_text(path), path)


def parse_merges(text: str, path: Path) -> list[Merge]:
    """The pairs of a text with one on each line.

    Raises:
        UserError: a line is no pair; `path` opens the message.
    """
    merges: dict[Merge, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        parts = line.split()
        if not parts or (number == 1 and line.startswith("#version")):
            continue
        if len(parts) < 2:
            raise UserError(f"{path}:{number}: {line!r:.80} is no pair of tokens; fetch or write the file again")
        merge = (parts[0], parts[1])
        merges.pop(merge, None)  # of two equal lines the later one counts, as in XLM
        merges[merge] = None
    return list(merges)


def _others(path: Path, settings: Mapping[str, Any]) -> Sequence[str]:
    """The special tokens without a name."""
    others = settings.get("extra_special_tokens")
    others = settings.get("additional_special_tokens", RESERVED) if others is None else others
    if not isinstance(others, (list, tuple)):
        raise UserError(f"{path.parent}/tokenizer_config.json: additional_special_tokens is no list of tokens")
    return [str(token.get("content") if isinstance(token, dict) else token) for token in others]


def _added_tokens(path: Path, settings: Mapping[str, Any]) -> dict[str, int]:
    """Tokens that were added later, with their ids."""
    stated = settings.get("added_tokens_decoder", {})
    try:
        return {str(token["content"]): int(index) for index, token in stated.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(
            f"{path.parent}/tokenizer_config.json: added_tokens_decoder is no table of ids and tokens"
        ) from None
