"""AdamW with the right groups, and the learning rate as a function of the step."""

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import nn

from encodery.config import Config


class OptimizerConfig(Config):
    """AdamW (Loshchilov & Hutter 2019) under linear warm-up and decay, BERT's constants as defaults."""

    lr: float = Field(default=1e-4, gt=0.0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(default=1e-6, gt=0.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    max_grad_norm: float = Field(default=1.0, gt=0.0)
    schedule: Literal["linear", "constant"] = "linear"
    warmup_steps: NonNegativeInt | None = None
    """Steps of linear warm-up; `warmup_ratio` of all steps if not given."""
    warmup_ratio: float = Field(default=0.1, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _betas_below_one(self) -> "OptimizerConfig":
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError(f"betas = {self.betas}; each must be in [0, 1)")
        return self


def learning_rate(config: OptimizerConfig, step: int, total_steps: int) -> float:
    """The rate of the update that ends step `step` (1 to `total_steps`): up linearly, then down to zero or flat."""
    warmup = round(config.warmup_ratio * total_steps) if config.warmup_steps is None else config.warmup_steps
    if step <= warmup:
        return config.lr * step / warmup
    if config.schedule == "constant":
        return config.lr
    return config.lr * max(0, total_steps + 1 - step) / max(1, total_steps + 1 - warmup)


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float
) -> list[dict[str, object]]:
    """Matrices and embeddings decay; biases and norm scales, which have one dimension, do not."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for _, parameter in named_parameters:
        (decayed if parameter.ndim > 1 else plain).append(parameter)
    groups: list[dict[str, object]] = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """One fused AdamW over all parameters of `model`."""
    return torch.optim.AdamW(
        parameter_groups(model.named_parameters(), config.weight_decay),
        lr=config.lr,
        betas=config.betas,
        eps=config.eps,
        fused=True,
    )
