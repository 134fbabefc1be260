"""The batch of a step that cannot be computed, kept to look at or to compute again."""

import json
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from encodery.batch import Batch


def keep_batch(batch: Batch, path: Path, seed: int, step: int) -> None:
    """Write the tensors of a batch and of its source (`source.NAME`) under their names; all else that it holds, the
    seed and the step, counted from 0, are JSON in the file's metadata."""
    held = dict(vars(batch))
    source = held.pop("source")
    held |= {} if source is None else {f"source.{name}": value for name, value in vars(source).items()}
    tensors = {name: value for name, value in held.items() if isinstance(value, Tensor)}
    given = {name: json.dumps(value) for name, value in held.items() if value is not None and name not in tensors}
    save_file(tensors, path, metadata={"seed": str(seed), "step": str(step), **given})
