"""Dropout, alone and fused into the residual and its norm, written for the CPU; elsewhere plain PyTorch is taken.

PyTorch's own dropout takes longer on a CPU than the matrix products around it. Random masks are drawn from PyTorch's
default generator, one draw per mask, so they are a function of its seed.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F


def keep_mask(shape: tuple[int, ...], p: float, dtype: torch.dtype) -> Float[Tensor, "..."]:
    """Ones, and zeros with probability `p` (rounded to 1/65536).

    In `dtype`, because a product with a mask of another dtype, bool included, leaves PyTorch's vectorised path; and
    not by `bernoulli_`, which takes ten times as long on a CPU.
    """
    size = math.prod(shape)
    seed = int(torch.randint(2**62, ()))
    words = np.random.SFC64(seed).random_raw(-(-size // 4))
    bits = torch.from_numpy(words.view(np.int16))[:size].view(shape)
    return torch.ge(bits, round(p * 65536) - 32768, out=torch.empty(shape, dtype=dtype))


def dropout(x: Float[Tensor, "*shape"], p: float) -> Float[Tensor, "*shape"]:
    """`F.dropout` in training mode, with the quick mask where `x` is on a CPU."""
    if p == 0.0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, p)
    return x * keep_mask(tuple(x.shape), p, x.dtype).mul_(1 / (1 - p))


def dropout_add_norm(
    x: Float[Tensor, "tokens hidden"],
    residual: Float[Tensor, "tokens hidden"],
    weight: Float[Tensor, " hidden"],
    bias: Float[Tensor, " hidden"] | None,
    eps: float,
    p: float,
) -> Float[Tensor, "tokens hidden"]:
    """`layer_norm(residual + dropout(x))`, in the dtype of `residual` (float32 under autocast: it costs nothing)."""
    if p == 0.0 or x.device.type != "cpu":
        return F.layer_norm(residual + dropout(x, p), residual.shape[-1:], weight, bias, eps)
    y: Tensor = _DropoutAddNorm.apply(x, residual, weight, bias, eps, p)  # type: ignore[no-untyped-call]
    return y


class _DropoutAddNorm(torch.autograd.Function):
    """Keeps the mask and the norm's input, nothing between them."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: Tensor, residual: Tensor, weight: Tensor, bias: Tensor | None, eps: float, p: float
    ) -> Tensor:
        mask = keep_mask(tuple(x.shape), p, x.dtype)
        total = torch.add(residual, x * mask, alpha=1 / (1 - p))
        y, mean, rstd = torch.native_layer_norm(total, total.shape[-1:], weight, bias, eps)
        ctx.save_for_backward(total, mean, rstd, weight, bias, mask)  # type: ignore[arg-type]  # None can be saved
        ctx.p = p  # type: ignore[attr-defined]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        total, mean, rstd, weight, bias, mask = ctx.saved_tensors  # type: ignore[attr-defined]
        grad_total, grad_weight, grad_bias = torch.ops.aten.native_layer_norm_backward(
            grad_y, total, total.shape[-1:], mean, rstd, weight, bias, [True, True, bias is not None]
        )
        grad_x = grad_total.to(mask.dtype) * mask
        return grad_x.mul_(1 / (1 - ctx.p)), grad_total, grad_weight, grad_bias, None, None  # type: ignore[attr-defined]
