"""Tables of embeddings beside a graph: one file, mapped into memory, whatever the number of compiled graphs.

Words may be kept in bfloat16, or in int8 with a scale for each row: a vocabulary of 250,000 is most of a small model.
A look-up is done in NumPy, straight into what a graph is given: for a short text the same in PyTorch takes as long as
half a layer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Int64, Shaped
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from encodery.batch import Batch
from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.layers import Embeddings, fairseq_positions
from encodery.model.skeleton import shapes_only

TABLES = "embeddings.safetensors"
TableType = Literal["fp32", "bf16", "int8"]
_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_SCALE = "word.scale"


@dataclass(frozen=True)
class Tables:
    """What `Embeddings` sums up, in NumPy."""

    config: EncoderConfig
    word: Shaped[np.ndarray, "vocabulary hidden"]
    """float32, bfloat16 as uint16, or int8."""
    scale: Float32[np.ndarray, "vocabulary 1"] | None = None
    position: Float32[np.ndarray, "positions hidden"] | None = None
    token_type: Float32[np.ndarray, "types hidden"] | None = None
    language: Float32[np.ndarray, "languages hidden"] | None = None

    def add_up(self, batch: Batch, total: Float32[np.ndarray, "tokens hidden"]) -> None:
        """Write the sum of each token's vectors, before the norm, into `total`."""
        self._words(batch.input_ids.numpy(), total)
        if self.position is not None:
            position_ids = batch.position_ids
            if self.config.position_offset:
                position_ids = fairseq_positions(batch, self.config.pad_token_id) + self.config.position_offset
            total += self.position[position_ids.numpy()]
        if self.token_type is not None:
            token_type_ids = batch.token_type_ids
            if token_type_ids is None or len(self.token_type) == 1:
                total += self.token_type[0]
            else:
                total += self.token_type[token_type_ids.numpy()]
        if self.language is not None and batch.language_ids is not None:
            total += self.language[batch.language_ids.numpy()]

    def _words(self, ids: Int64[np.ndarray, " tokens"], total: Float32[np.ndarray, "tokens hidden"]) -> None:
        if self.word.dtype == np.float32:
            np.take(self.word, ids, axis=0, out=total, mode="clip")  # a tokenizer has no id beyond the table
        elif self.scale is not None:
            np.multiply(self.word[ids], self.scale[ids], out=total)
        else:
            np.left_shift(self.word[ids], 16, out=total.view(np.uint32), dtype=np.uint32)


def save_tables(folder: Path, embeddings: Embeddings, dtype: TableType) -> None:
    """Write the tables of a model, its words as `dtype`; positions and the like are small and stay in float32."""
    state = {name: value for name, value in embeddings.state_dict().items() if not name.startswith("norm.")}
    word = state.pop("word.weight").float()
    state = {name: value.float().contiguous() for name, value in state.items()}
    if dtype == "int8":
        scale = word.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        state |= {"word.weight": (word / scale).round().to(torch.int8), _SCALE: scale}
    else:
        state["word.weight"] = word.to(_TYPES[dtype]).contiguous()
    save_file(state, folder / TABLES)


def load_tables(folder: Path, config: EncoderConfig) -> Tables:
    """The tables that `save_tables` wrote.

    Raises:
        UserError: the file is missing, damaged, or of another model than `config`.
    """
    path = folder / TABLES
    if not path.is_file():
        raise UserError(f"{path}: no such file; export the model again")
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            _check_shapes(found, config, str(path))
            arrays = {name: _array(file.get_tensor(name)) for name in found}
    except SafetensorError as error:
        raise UserError(f"{path}: damaged ({error}); export the model again") from None
    if arrays["word.weight"].dtype not in (np.float32, np.uint16, np.int8):
        raise UserError(f"{path}: words are {arrays['word.weight'].dtype}; float32, bfloat16 and int8 are known")
    if (arrays["word.weight"].dtype == np.int8) != (_SCALE in arrays):
        raise UserError(f"{path}: words in int8 need {_SCALE}, and no others have it; export the model again")
    small = {name: arrays.get(f"{name}.weight") for name in ("position", "token_type", "language")}
    return Tables(config, arrays["word.weight"], arrays.get(_SCALE), **small)


def _check_shapes(found: dict[str, tuple[int, ...]], config: EncoderConfig, source: str) -> None:
    with shapes_only():
        state = Embeddings(config).state_dict()
    wanted = {name: tuple(value.shape) for name, value in state.items() if not name.startswith("norm.")}
    if _SCALE in found:
        wanted[_SCALE] = (config.vocab_size, 1)
    if wanted != found:
        name, _ = min(set(wanted.items()) ^ set(found.items()))
        raise UserError(f"{source}: {name} is not as config.json has it; the two belong to different models")


def _array(tensor: Tensor) -> Shaped[np.ndarray, "rows columns"]:
    array: np.ndarray = (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array
