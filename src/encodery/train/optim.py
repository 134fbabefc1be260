"""AdamW or LAMB with the right groups, and the learning rate as a function of the step and of a weight's depth."""

import math
import re
from collections.abc import Iterable
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeInt, model_validator
from torch import nn

from encodery.config import Config
from encodery.errors import UserError
from encodery.train.slices import norm_of


class OptimizerConfig(Config):
    """AdamW (Loshchilov & Hutter 2019) under linear warm-up and decay, BERT's constants as defaults."""

    type: Literal["adamw", "lamb"] = Field(default="adamw", exclude_if=lambda value: value == "adamw")
    """`lamb`: each matrix moves by a share of its own length, for batches of tens of thousands of texts (You et al.
    2020, algorithm 2); without bias correction, which a warm-up makes needless."""
    lr: float = Field(default=1e-4, gt=0.0)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(default=1e-6, gt=0.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    max_grad_norm: float = Field(default=1.0, gt=0.0)
    schedule: Literal["linear", "constant", "cosine", "inverse-sqrt"] = "linear"
    """What follows the warm-up: down to zero in a line or in half a wave, staying, or falling with one over the root
    of the step, as in Vaswani et al. 2017 and in XLM's code."""
    warmup_steps: NonNegativeInt | None = None
    """Steps of linear warm-up; `warmup_ratio` of all steps if not given."""
    warmup_ratio: float = Field(default=0.1, ge=0.0, le=1.0)
    layer_decay: float = Field(default=1.0, gt=0.0, le=1.0, exclude_if=lambda factor: factor == 1.0)
    """Each layer learns at this share of the rate of the one above it (Howard & Ruder 2018, 3.2)."""

    @model_validator(mode="after")
    def _betas_below_one(self) -> "OptimizerConfig":
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError(f"betas = {self.betas}; each must be in [0, 1)")
        return self

    def warmup(self, total_steps: int) -> int:
        """The steps of the warm-up of a run of `total_steps`."""
        return round(self.warmup_ratio * total_steps) if self.warmup_steps is None else self.warmup_steps


def learning_rate(config: OptimizerConfig, step: int, total_steps: int) -> float:
    """The rate of the update that ends step `step` (1 to `total_steps`): up linearly, then as the schedule says."""
    warmup = config.warmup(total_steps)
    if step <= warmup:
        return config.lr * step / warmup
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "inverse-sqrt":
        return config.lr * math.sqrt(max(1, warmup) / step)
    left = max(0, total_steps + 1 - step) / max(1, total_steps + 1 - warmup)
    return config.lr * (left if config.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2)


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Matrices and embeddings decay; biases and norm scales, which have one dimension, do not.

    `lr_scale` is the share of the learning rate that a group has: the whole one for what stands on the encoder, a
    factor of `layer_decay` less for each layer downwards, the embeddings last.
    """
    trained = [(name, parameter) for name, parameter in named_parameters if parameter.requires_grad]
    height = 1 + max((depth for name, _ in trained if (depth := _depth(name)) is not None), default=0)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trained:
        depth = _depth(name)
        scale = 1.0 if depth is None else layer_decay ** (height - depth)
        groups.setdefault((scale, weight_decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return [
        {"params": parameters, "weight_decay": decay, "lr_scale": scale}
        for (scale, decay), parameters in sorted(groups.items(), key=lambda group: group[0], reverse=True)
    ]


def _depth(name: str) -> int | None:
    """How many layers lie below a parameter, counting the embeddings as one; None for what stands on the layers."""
    if name.startswith("encoder.embeddings."):
        return 0
    layer = _LAYER.match(name)
    return int(layer[1]) + 1 if layer else None


_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """One optimizer over all parameters of `model` that are trained: a fused AdamW, or LAMB.

    Raises:
        UserError: LAMB is asked for and its package is not installed.
    """
    groups = parameter_groups(model.named_parameters(), config.weight_decay, config.layer_decay)
    if config.type == "lamb":
        return _lamb(groups, config)
    optimizer = torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=config.eps, fused=True)
    optimizer.register_step_post_hook(_note_change)
    return optimizer


def _note_change(optimizer: torch.optim.Optimizer, *_: object) -> None:
    """Count the change of each weight: the fused kernel does not, and what is made of weights once (packed layers of
    the decoder, see `model.packed_linear`) would go on with old ones."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            torch.autograd.graph.increment_version(parameter)


def _lamb(groups: list[dict[str, Any]], config: OptimizerConfig) -> torch.optim.Optimizer:
    """Biases and norm scales move as under Adam: the paper's code adapts matrices and embeddings alone."""
    try:
        from pytorch_optimizer.optimizer.lamb import Lamb
    except ImportError:
        raise UserError(
            'optimizer.type = "lamb" needs the package pytorch-optimizer; pip install "encodery[lamb]"'
        ) from None
    flat = [{**group, "adam": all(parameter.ndim < 2 for parameter in group["params"])} for group in groups]
    lamb: torch.optim.Optimizer = Lamb(
        flat,
        lr=config.lr,
        betas=config.betas,
        eps=config.eps,
        weight_decouple=False,  # the decay is part of what is scaled
        max_grad_norm=0.0,  # gradients come clipped
        adam_debias=True,  # its name for leaving the bias as it is: no step count, so nothing else to save
    )
    return lamb


def clip_gradients(model: nn.Module, max_norm: float) -> float:
    """Scale all gradients down to `max_norm` (L2, over all of them) if they are longer; their norm before.

    The same bits as `torch.nn.utils.clip_grad_norm_`, which multiplies by one where there is nothing to clip: that
    would read and write every gradient for nothing.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
    norm = norm_of([parameter.grad for parameter in parameters if parameter.grad is not None])
    if not max_norm / (norm + 1e-6) >= 1.0:  # torch's factor; also where it is not a number
        torch.nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)
    return norm.item()
