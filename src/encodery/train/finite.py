"""Weights that are no numbers: found before they are saved, and never trained on.

A step whose loss or gradient is not finite is left out, and the next one may be good. A weight that is not finite
makes all steps bad that follow, whatever the learning rate.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from encodery.errors import UserError
from encodery.train.distributed import Ranks

_NAN = "has values that are not finite"


def check_finite(ranks: Ranks, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, saved: str) -> None:
    """All ranks must call it; `saved` says from where a run continues.

    Raises:
        UserError: on all ranks, if a weight or what the optimizer keeps of it is not finite on any.
    """
    found = [(rank, name) for rank, name in enumerate(ranks.gather(_first_bad(model, optimizer))) if name]
    if not found:
        return
    rank, name = found[0]
    what = name if ranks.world_size == 1 else f"{name} on rank {rank}"
    if step == 0:
        raise UserError(f"{what} {_NAN} before the first step; start from another model")
    raise UserError(
        f"step {step}: {what} {_NAN}, so that no further step can be computed; nothing of that is saved: {saved}. If "
        "it comes again at the same step, lower optimizer.lr or warm up longer; if it comes elsewhere, have the "
        "machine's memory checked"
    )


def check_finite_file(path: Path) -> None:
    """Raises `UserError` if a file of safetensors has a tensor that is not finite; one is in memory at a time."""
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 (it is no mapping)
            if not _is_finite(file.get_tensor(name)):
                raise UserError(f"{path}: {name} {_NAN}")


def _first_bad(model: nn.Module, optimizer: torch.optim.Optimizer) -> str:
    """What is not finite of the weights that this rank holds, and of the optimizer's state; "" if all is."""
    for name, parameter in model.named_parameters():
        kept: Mapping[str, object] = optimizer.state.get(parameter, {})
        if not _is_finite(parameter):
            return f"the weight {name}"
        if not all(_is_finite(value) for value in kept.values() if isinstance(value, Tensor)):
            return f"what the optimizer keeps of {name}"
    return ""


def _is_finite(tensor: Tensor) -> bool:
    local = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return not local.is_floating_point() or bool(local.detach().isfinite().all())
