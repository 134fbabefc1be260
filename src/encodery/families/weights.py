"""Weights on disk: one safetensors file or several with an index; names, shapes and tensors on demand."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from encodery.config import read_json
from encodery.errors import UserError

WEIGHTS = "model.safetensors"
PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})


class WeightFiles:
    """The tensors of a model folder, read lazily; the headers are checked by safetensors against the file sizes."""

    def __init__(self, folder: Path) -> None:
        """Raises `UserError` if no safetensors file is there, one is damaged, or the index points elsewhere, or
        a tensor is there twice.
        """
        self._file_of: dict[str, Path] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        for path in _weight_paths(folder):
            handle = open_weights(path)
            for name in handle.keys():  # noqa: SIM118 (a safetensors handle is not iterable)
                if name in self._file_of:
                    raise UserError(
                        f"{path}: {name} is in {self._file_of[name].name} as well; fetch the folder again"
                    )
                self._file_of[name] = path
                self.shapes[name] = tuple(handle.get_slice(name).get_shape())

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """These tensors, as pages of their files that the disk is asked for when they are first touched.

        Each call maps the files anew: the pages leave the memory together with what was read in one call.
        """
        wanted: dict[Path, list[str]] = {}
        for name in names:
            wanted.setdefault(self._file_of[name], []).append(name)
        tensors: dict[str, Tensor] = {}
        for path, members in wanted.items():
            handle = open_weights(path)
            tensors |= {name: handle.get_tensor(name) for name in members}
        return tensors


def _weight_paths(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    index = folder / f"{WEIGHTS}.index.json"
    if index.is_file():
        weight_map = read_json(index).get("weight_map")
        if not isinstance(weight_map, dict):
            raise UserError(f"{index}: weight_map is not a table of file names; fetch the folder again")
        shards = sorted({str(shard) for shard in weight_map.values()})
        for shard in shards:
            if Path(shard).name != shard or not (folder / shard).is_file():
                raise UserError(
                    f"{index}: names the file {shard!r}, which is not in {folder}; fetch the folder again"
                )
        return [folder / shard for shard in shards]
    if pickles := sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES):
        raise UserError(
            f"{folder / pickles[0]}: a pickle can run code and is never read; save the model again as {WEIGHTS} "
            "(save_pretrained does), or try encodery import if it is an original checkpoint"
        )
    raise UserError(f"{folder / WEIGHTS}: no such file; a model folder has config.json, {WEIGHTS} and a tokenizer")


def open_weights(path: Path) -> Any:
    """A handle of one safetensors file, whose header fits its size.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a whole safetensors file ({error}); fetch or write it again") from None
