"""Feature extraction: one vector for a text, pooled from the last hidden states of its tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.config import Config, read_json, read_json_list
from encodery.data.examples import Example, ExampleFields, input_example
from encodery.errors import UserError
from encodery.files.records import Record
from encodery.model.heads import Model
from encodery.tasks.languages import Languages
from encodery.tasks.task import check_single
from encodery.tasks.windows import MIN_SEQLEN, Encoded, Reading, read_windows
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
    fields = ExampleFields

    def __init__(
        self, tokenizer: Tokenizer, pooling: Pooling, reading: Reading, languages: Languages | None = None
    ) -> None:
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.reading = reading
        self.languages = languages or Languages()

    @staticmethod
    def read(source: str, record: Record, columns: ExampleFields | None) -> Example:
        """A record to embed."""
        return input_example(source, record)

    def encode(self, example: Example) -> Encoded:
        """The text in windows.

        Raises:
            UserError: the example is a pair, or in a language that the model does not know.
        """
        check_single(example, self.name)
        language_id = self.languages.id_of(example)
        return read_windows(self.tokenizer, self.reading, example.text, None, example.source, language_id)

    def forward(self, model: Model, batch: Batch) -> Float[Tensor, "sequences hidden"]:
        """The pooled vector of each sequence."""
        if self.pooling.mode == "cls":
            pooled = model.encoder(batch, batch.first_tokens)
        else:
            hidden = model.encoder(batch)
            pooled = torch.stack([part.mean(0) for part in hidden.split(batch.seqlens())])
        vectors: Tensor = pooled.float()
        return vectors

    def outputs(self, model: Model, batch: Batch) -> list[Float[Tensor, " hidden"]]:
        """The vector of each sequence, of whatever length."""
        return list(self.forward(model, batch).cpu())

    def vector(self, encoded: Encoded, outputs: Sequence[Float[Tensor, " hidden"]]) -> Float[Tensor, " hidden"]:
        """The vector of a text: the mean over its windows, each weighted by the tokens that belong to it."""
        mean = encoded.mean(outputs)
        vector: Tensor = F.normalize(mean, dim=-1) if self.pooling.normalize else mean
        return vector

    def decode(
        self, example: Example, encoded: Encoded, outputs: Sequence[Float[Tensor, " hidden"]]
    ) -> dict[str, Any]:
        """The prediction in the record form."""
        return {"embedding": self.vector(encoded, outputs).tolist()}


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
