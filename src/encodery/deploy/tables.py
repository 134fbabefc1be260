"""Tables of embeddings beside a graph: one file, mapped into memory, whatever the number of compiled graphs.

Words may be kept in bfloat16, or in int8 with a scale for each row: a vocabulary of 250,000 is most of a small model.
"""

from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float32, Int, Int8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.layers import Embeddings
from encodery.model.skeleton import shapes_only

TABLES = "embeddings.safetensors"
TableType = Literal["fp32", "bf16", "int8"]


class Int8Table(nn.Module):
    """An embedding whose rows are int8 numbers times one scale each."""

    weight: Int8[Tensor, "rows hidden"]
    scale: Float32[Tensor, "rows 1"]

    def __init__(self, num_embeddings: int, hidden_size: int) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.register_buffer("weight", torch.empty(num_embeddings, hidden_size, dtype=torch.int8))
        self.register_buffer("scale", torch.empty(num_embeddings, 1))

    def forward(self, ids: Int[Tensor, " tokens"]) -> Float32[Tensor, "tokens hidden"]:
        return F.embedding(ids, self.weight).float() * F.embedding(ids, self.scale)


def save_tables(folder: Path, embeddings: Embeddings, dtype: TableType) -> None:
    """Write the tables of a model, its words as `dtype`; positions and the like are small and stay in float32."""
    state = {name: value for name, value in embeddings.state_dict().items() if not name.startswith("norm.")}
    word = state.pop("word.weight").float()
    state = {name: value.float().contiguous() for name, value in state.items()}
    if dtype == "int8":
        scale = word.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        state |= {"word.weight": (word / scale).round().to(torch.int8), "word.scale": scale}
    else:
        state["word.weight"] = word.to({"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]).contiguous()
    save_file(state, folder / TABLES)


def load_tables(folder: Path, config: EncoderConfig) -> Embeddings:
    """The tables that `save_tables` wrote; words are turned into float32 as they are looked up.

    Raises:
        UserError: the file is missing, damaged, or of another model than `config`.
    """
    path = folder / TABLES
    if not path.is_file():
        raise UserError(f"{path}: no such file; export the model again")
    try:
        with safe_open(path, framework="pt") as file, shapes_only():
            tables = Embeddings(config)
            tables.norm = nn.Identity()
            if "word.scale" in file.keys():  # noqa: SIM118  # no mapping
                tables.word = Int8Table(config.vocab_size, config.hidden_size)  # type: ignore[assignment]
            wanted = {name: tuple(value.shape) for name, value in tables.state_dict().items()}
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise UserError(f"{path}: damaged ({error}); export the model again") from None
    if wanted != found:
        name, *_ = sorted(set(wanted.items()) ^ set(found.items()))
        raise UserError(f"{path}: {name[0]} is not as config.json has it; the two belong to different models")
    with safe_open(path, framework="pt") as file:
        tables.load_state_dict({name: file.get_tensor(name) for name in wanted}, assign=True)
    return tables.eval()
