"""How far one softmax over a vocabulary is from another, some rows at a time: no (rows, vocabulary) matrix stays."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LOGITS_AT_ONCE = 1 << 24
"""Logits of one model that are in memory together; of these a handful of copies, in float32."""


def soft_target_loss(
    student: tuple[Float[Tensor, "rows hidden"], Float[Tensor, "vocabulary hidden"], Float[Tensor, " vocabulary"]],
    teacher: tuple[Float[Tensor, "rows taught"], Float[Tensor, "vocabulary taught"], Float[Tensor, " vocabulary"]],
    temperature: float,
) -> Float[Tensor, ""]:
    """KL(teacher, student) of `softmax(linear(...) / temperature)`, times temperature², summed over the rows (nats).

    Each side is what its logits are a product of: hidden states, weight and bias. The square keeps the gradient as
    large as that of hard labels (Hinton et al. 2015, section 2). The student's products run in the autocast dtype,
    the teacher's in that of its weights, sums in float32 or wider; the teacher's side gets no gradient. The gradients
    are made along with the loss, as long as the logits are there.
    """
    device = student[0].device.type
    on = torch.is_autocast_enabled(device)
    dtype = torch.get_autocast_dtype(device) if on else student[0].dtype
    hidden, weight, bias = (tensor.detach() for tensor in teacher)
    with torch.autocast(device, enabled=False):
        loss: Tensor = _SoftTargetLoss.apply(  # type: ignore[no-untyped-call]
            *student,
            hidden.to(weight.dtype),
            weight,
            bias,
            temperature,
            dtype,
            torch.is_grad_enabled(),
        )
    return loss


class _SoftTargetLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        teacher_hidden: Tensor,
        teacher_weight: Tensor,
        teacher_bias: Tensor,
        temperature: float,
        dtype: torch.dtype,
        learns: bool,
    ) -> Tensor:
        x, w, b = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        wide = torch.promote_types(dtype, torch.float32)
        loss = x.new_zeros((), dtype=wide)
        grads = [torch.zeros(tensor.shape, dtype=wide, device=x.device) for tensor in (x, w, b) if learns]
        rows = max(1, LOGITS_AT_ONCE // len(w))
        for first in range(0, len(x), rows):
            part = slice(first, first + rows)
            logits = F.linear(teacher_hidden[part], teacher_weight, teacher_bias).to(wide)
            wanted = torch.log_softmax(logits.div_(temperature), -1)
            said = torch.log_softmax(F.linear(x[part], w, b).to(wide).div_(temperature), -1)
            probabilities = torch.exp(wanted, out=logits)
            loss += (wanted.sub_(said).mul_(probabilities)).sum()
            if learns:  # of KL by the student's logits: (its probabilities - the teacher's) / temperature
                error = said.exp_().sub_(probabilities)
                narrow = error.to(dtype)
                grads[0][part] = narrow @ w
                grads[1] += narrow.t() @ x[part]
                grads[2] += error.sum(0)
        ctx.save_for_backward(*grads)
        ctx.dtypes, ctx.temperature = (hidden.dtype, weight.dtype, bias.dtype), temperature
        return loss * temperature**2

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        scale = grad_loss * ctx.temperature
        grads = ((grad * scale).to(dtype) for grad, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True))
        return (*grads, None, None, None, None, None, None)
