"""Cross entropy over a vocabulary without passing the (scored, vocabulary) logits through memory many times."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

VOCABULARY_BLOCK = 4096
"""Vocabulary entries per block of logits: a block of some hundred rows stays in the last-level cache."""


def linear_cross_entropy(
    hidden: Float[Tensor, "scored hidden"],
    weight: Float[Tensor, "vocabulary hidden"],
    bias: Float[Tensor, " vocabulary"],
    labels: Int[Tensor, " scored"],
    label_smoothing: float = 0.0,
) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
    """Summed cross entropy (nats) of `linear(hidden, weight, bias)` against `labels`, and how many labels have the
    largest logit (a tie counts). Products run in the autocast dtype, sums in float32; no label may be ignored.

    `label_smoothing` is the part of a label's probability that all entries share evenly (Szegedy et al. 2016, section
    7), as in `torch.nn.functional.cross_entropy`.
    """
    if hidden.device.type == "cpu":
        on = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu") if on else hidden.dtype
        with torch.autocast("cpu", enabled=False):
            loss, correct = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
                hidden, weight, bias, labels, label_smoothing, dtype
            )
        return loss, correct
    logits = F.linear(hidden, weight, bias)
    gold = logits.detach().gather(1, labels[:, None])[:, 0]
    correct = (gold >= logits.detach().amax(1)).sum()
    return F.cross_entropy(logits.float(), labels, reduction="sum", label_smoothing=label_smoothing), correct


class _LinearCrossEntropy(torch.autograd.Function):
    """A softmax per block of the vocabulary while its logits are in cache.

    With lse_b the normaliser of block b and lse that of the whole row, probability = softmax_b * exp(lse_b - lse): a
    factor per row, which the backward pass puts into the small operand of its products. The label's own -1 is added
    apart, so the blocks need no other pass; so is what smoothing takes from it and gives to all entries, whose mean
    logit is a product with the mean of the weights.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        labels: Tensor,
        smoothing: float,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        x, w, b = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        wide = dtype if dtype == torch.float64 else torch.float32
        blocks, normalisers, largest = [], [], []
        gold = torch.zeros(len(labels), dtype=wide)
        for start in range(0, len(w), VOCABULARY_BLOCK):
            stop = start + VOCABULARY_BLOCK
            logits = F.linear(x, w[start:stop], b[start:stop]).to(wide)
            inside = torch.nonzero((labels >= start) & (labels < stop))[:, 0]
            gold[inside] = logits[inside, labels[inside] - start]
            largest.append(logits.amax(1))
            block = torch.softmax(logits, 1, out=logits)
            normalisers.append(largest[-1] - block.amax(1).log_())
            if any(ctx.needs_input_grad):
                blocks.append(block.to(dtype))
        normaliser = torch.stack(normalisers)
        total = normaliser.logsumexp(0)
        correct = (gold >= torch.stack(largest).amax(0)).sum()
        ctx.save_for_backward(x, w, labels, (normaliser - total).exp_(), *blocks)
        ctx.dtypes, ctx.smoothing = (hidden.dtype, weight.dtype, bias.dtype), smoothing
        ctx.mark_non_differentiable(correct)
        wanted = gold
        if smoothing:
            mean = x.to(wide) @ w.mean(0, dtype=wide) + b.mean(dtype=wide)
            wanted = torch.lerp(gold, mean, smoothing)
        return (total - wanted).sum(), correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        x, w, labels, factors, *blocks = ctx.saved_tensors
        wide = factors.dtype
        scaled = x.to(wide) * grad_loss
        grad_weight = _reused_block(w.shape, wide)
        grad_bias = torch.empty(w.shape[0], dtype=wide)
        kept, shared = 1 - ctx.smoothing, ctx.smoothing / len(w)
        grad_hidden = w[labels].to(wide).mul_(-grad_loss * kept)
        for i, (block, factor) in enumerate(zip(blocks, factors, strict=True)):
            words = slice(i * VOCABULARY_BLOCK, i * VOCABULARY_BLOCK + block.shape[1])
            rows = (factor * grad_loss)[:, None]
            grad_weight[words] = block.t() @ (scaled * factor[:, None]).to(x.dtype)
            grad_bias[words] = (block.t() @ rows.to(x.dtype))[:, 0]
            grad_hidden.addcmul_((block @ w[words]).to(wide), rows)
        if shared:
            grad_weight.sub_(scaled.sum(0), alpha=shared)
            grad_bias.sub_(grad_loss * (len(labels) * shared))
            grad_hidden.sub_(w.sum(0, dtype=wide) * grad_loss, alpha=shared)
        grad_weight.index_add_(0, labels, scaled, alpha=-kept)
        grad_bias.index_add_(0, labels, grad_loss.expand(len(labels)), alpha=-kept)
        hidden_dtype, weight_dtype, bias_dtype = ctx.dtypes
        return grad_hidden.to(hidden_dtype), grad_weight.to(weight_dtype), grad_bias.to(bias_dtype), None, None, None


def _reused_block(shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Uninitialised memory for the one huge gradient, which every step takes and gives back.

    PyTorch aligns what it allocates, for which glibc wants 96 bytes more than the block of the last step has: it
    takes new memory. NumPy asks for the bytes alone.
    """
    like = np.float64 if dtype == torch.float64 else np.float32
    return torch.from_numpy(np.empty(tuple(shape), like))
