"""Feature extraction: one vector for a text, pooled from the last hidden states of its tokens."""

from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.config import Config, read_json, read_json_list
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.tasks.languages import Languages
from encodery.tasks.task import MIN_SEQLEN, Encoded, check_single, encode_text
from encodery.text.tokenizer import Tokenizer

MODULES = "modules.json"
_OLD_MODES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}


class Pooling(Config):
    """How the vectors of a text's tokens become one."""

    mode: Literal["mean", "cls"] = "mean"
    """The mean of all tokens, special ones included, or the first token."""
    normalize: bool = False
    """To length 1."""
    max_seqlen: int | None = None
    """The longest text that was meant, in tokens; as many as the model has positions if not given."""


class FeatureExtraction:
    """Predictions are `{"embedding": [...]}`."""

    name = "feature-extraction"
    heads: tuple[str, ...] = ()

    def __init__(
        self, tokenizer: Tokenizer, pooling: Pooling, max_seqlen: int, languages: Languages | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.max_seqlen = max_seqlen
        self.languages = languages or Languages()

    def encode(self, example: Example) -> Encoded:
        """Token ids of the text.

        Raises:
            UserError: the example is a pair, or in a language that the model does not know.
        """
        check_single(example, self.name)
        return encode_text(self.tokenizer, self.languages, example, self.max_seqlen)

    def forward(self, model: Model, batch: Batch) -> Float[Tensor, "sequences hidden"]:
        """The vector of each text."""
        if self.pooling.mode == "cls":
            pooled = model.encoder(batch, batch.first_tokens)
        else:
            hidden = model.encoder(batch)
            pooled = torch.stack([part.mean(0) for part in hidden.split(batch.seqlens())])
        vectors: Tensor = F.normalize(pooled, dim=-1) if self.pooling.normalize else pooled
        return vectors

    def predict(self, model: Model, batch: Batch) -> list[dict[str, Any]]:
        """One prediction per sequence."""
        return [{"embedding": vector} for vector in self.forward(model, batch).float().tolist()]


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
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        path = folder / name
        value = read_json(path).get(key) if path.is_file() else None
        if isinstance(value, int) and value >= MIN_SEQLEN:
            return value
    return None
