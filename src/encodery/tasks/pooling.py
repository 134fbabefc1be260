"""How the vectors of a text's tokens become one, as `sentence-transformers` writes it down beside a model.

`modules.json` names the steps; `1_Pooling/config.json` says how vectors are pooled, `sentence_bert_config.json` how
long texts are read; `2_Normalize` brings vectors to length 1.
"""

import json
from pathlib import Path
from typing import Any, Literal

from encodery.config import Config, read_json, read_json_list, write_json
from encodery.errors import UserError
from encodery.tasks.windows import MIN_SEQLEN

MODULES = "modules.json"
POOLING, NORMALIZE = "1_Pooling", "2_Normalize"
_SIZES = "sentence_bert_config.json"
_OLD_MODES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
_OTHER_OLD_MODES = ("pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens")

Mode = Literal["mean", "cls"]


class Pooling(Config):
    """How the vectors of a text's tokens become one."""

    mode: Mode = "mean"
    """The mean of all tokens, special ones included, or the first token."""
    normalize: bool = False
    """To length 1."""
    max_seqlen: int | None = None
    """The longest text that was meant, in tokens; as many as the model has positions if not given."""


def write_pooling(folder: Path, pooling: Pooling, hidden_size: int) -> None:
    """Write it into a model folder, so that `sentence-transformers` (any version) opens it as a model of its own."""
    kinds = {"": "Transformer", POOLING: "Pooling"} | ({NORMALIZE: "Normalize"} if pooling.normalize else {})
    modules: list[Any] = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(kinds.items())
    ]
    (folder / MODULES).write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")
    modes = {key: mode == pooling.mode for key, mode in _OLD_MODES.items()} | dict.fromkeys(_OTHER_OLD_MODES, False)
    (folder / POOLING).mkdir()
    write_json(folder / POOLING / "config.json", {"word_embedding_dimension": hidden_size, **modes})
    write_json(folder / _SIZES, {"max_seq_length": pooling.max_seqlen, "do_lower_case": False})


def read_pooling(folder: Path) -> Pooling:
    """How a folder of `sentence-transformers` pools (`modules.json`); the mean, as it does itself, where none is.

    Raises:
        UserError: a file is damaged, or asks for a step that is not implemented.
    """
    path = folder / MODULES
    if not path.is_file():
        return Pooling()
    mode, normalize = "mean", False
    for kind, place in _modules(path):
        if kind == "Pooling":
            mode = _mode(folder / place / "config.json")
        elif kind == "Normalize":
            normalize = True
        elif kind != "Transformer":
            raise UserError(f"{path}: a module of type {kind!r} is not supported; only Pooling and Normalize are")
    return Pooling.parse({"mode": mode, "normalize": normalize, "max_seqlen": _longest(folder)}, str(folder))


def _modules(path: Path) -> list[tuple[str, str]]:
    """The last part of each module's type, and its folder."""
    modules = read_json_list(path)
    found: list[tuple[str, str]] = []
    for module in modules:
        kind, place = (module.get("type"), module.get("path", "")) if isinstance(module, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(place, str):
            raise UserError(f"{path}: not a list of modules with type and path; fetch the folder again")
        if Path(place).name != place:
            raise UserError(f"{path}: names the folder {place!r}, which is not in {path.parent}; fetch it again")
        found.append((kind.rpartition(".")[2], place))
    return found


def _mode(path: Path) -> str:
    values = read_json(path)
    asked = values.get("pooling_mode")
    if asked is None:  # before version 6
        asked = [_OLD_MODES.get(key, key) for key in values if key.startswith("pooling_mode_") and values[key]]
    modes = asked if isinstance(asked, list) else [asked]
    if len(modes) != 1 or modes[0] not in _OLD_MODES.values():
        raise UserError(f"{path}: pooling by {modes!r:.80} is not supported; 'mean' or 'cls' is")
    return str(modes[0])


def _longest(folder: Path) -> int | None:
    """The length that texts are cut to; a config of today leaves it to the tokenizer's."""
    for name, key in ((_SIZES, "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        path = folder / name
        value = read_json(path).get(key) if path.is_file() else None
        if isinstance(value, int) and value >= MIN_SEQLEN:
            return value
    return None
