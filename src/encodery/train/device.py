"""Where a run computes and by what rules: the device, the precision, the seed of a step."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from encodery.errors import UserError


def pick_device(choice: str) -> torch.device:
    """The device to use.

    Raises:
        UserError: CUDA was asked for and is not there.
    """
    if choice == "cuda" and not torch.cuda.is_available():
        raise UserError('device = "cuda", but this machine has no usable CUDA device; use "cpu" or "auto"')
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """bf16 products over fp32 weights, or nothing."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def step_seed(seed: int, step: int) -> int:
    """A seed for torch's generator, another for every (seed, step)."""
    return (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9) % 2**63
