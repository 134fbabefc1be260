"""Cross-attention over packed tokens: a token of a target sees the whole of its own source and nothing else
(Vaswani et al. 2017, 3.2.3).

The counterpart of `encodery.model.attention`, computed in the same ways; its blocks of scores lie between two sets of
`cu_seqlens`.
"""

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.model.attention import (
    Group,
    contiguous_heads,
    gather_back,
    has_varlen_kernel,
    head_gradients,
    join_heads,
    make_group,
    score_gradients,
    split_heads,
)
from encodery.model.dropout import keep_mask

Pair = tuple[Group, Group]
"""Targets, and the sources of the same sequences."""

STEP = 16
"""Lengths are padded to multiples of this, inside attention alone."""


def pair_sequences(batch: Batch) -> list[Pair]:
    """The batch's sequences grouped by the lengths of target and source: made once, used by all layers."""
    assert batch.source is not None
    device = batch.cu_seqlens.device
    bounds = [side.cu_seqlens.cpu().numpy().astype(np.int64) for side in (batch, batch.source)]
    lengths = np.stack([np.diff(bound) for bound in bounds])
    padded = np.minimum(-(-lengths // STEP) * STEP, lengths.max(1, keepdims=True))
    shapes, numbers = np.unique(padded, axis=1, return_inverse=True)
    pairs = []
    for number, (target, source) in enumerate(shapes.T.tolist()):
        members = np.flatnonzero(numbers.reshape(-1) == number)
        sides = (
            make_group(bound, members, size, device) for bound, size in zip(bounds, (target, source), strict=True)
        )
        pairs.append((next(sides), next(sides)))
    return pairs


def attend_across(
    query: Float[Tensor, "tokens hidden"],
    key_value: Float[Tensor, "source_tokens two_hidden"],
    batch: Batch,
    pairs: list[Pair],
    num_heads: int,
    p: float,
) -> Float[Tensor, "tokens hidden"]:
    """Softmax attention of every token to the tokens of its sequence's source, dropout `p` on the probabilities.

    `key_value` holds keys and values of the sources side by side, each as (heads, head size).
    """
    if query.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            context: Tensor = _AttendAcross.apply(  # type: ignore[no-untyped-call]
                query, key_value, pairs, num_heads, p
            )
        return context
    if has_varlen_kernel(query, p):
        return _attend_varlen(query, key_value, batch, num_heads)
    return attend_across_padded(query, key_value, pairs, num_heads, p)


def _attend_varlen(query: Tensor, key_value: Tensor, batch: Batch, num_heads: int) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    assert batch.source is not None
    key, value = key_value.view(key_value.shape[0], 2, num_heads, -1).unbind(1)
    target, source = batch, batch.source
    context = varlen_attn(
        query.view(query.shape[0], num_heads, -1),
        key,
        value,
        target.cu_seqlens,
        source.cu_seqlens,
        target.max_seqlen,
        source.max_seqlen,
    )
    assert isinstance(context, Tensor)
    return context.flatten(1)


def attend_across_padded(
    query: Float[Tensor, "tokens hidden"],
    key_value: Float[Tensor, "source_tokens two_hidden"],
    pairs: list[Pair],
    num_heads: int,
    p: float,
) -> Float[Tensor, "tokens hidden"]:
    """`attend_across` for devices other than the CPU where the kernel cannot run; the CPU computes the same."""
    parts = []
    for target, source in pairs:
        key, value = split_heads(key_value, source, 2 * num_heads).chunk(2, dim=1)
        mask = None if source.valid is None else source.valid[:, None, None, :]
        queries = split_heads(query, target, num_heads)
        parts.append(join_heads(F.scaled_dot_product_attention(queries, key, value, attn_mask=mask, dropout_p=p)))
    return gather_back(parts, [target for target, _ in pairs], query.shape[0])


class _AttendAcross(torch.autograd.Function):
    """Batched products on contiguous heads, as self-attention on the CPU has them."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key_value: Tensor, pairs: list[Pair], num_heads: int, p: float) -> Tensor:
        parts: list[Tensor] = []
        saved: list[Tensor | None] = []
        for target, source in pairs:
            (queries,) = contiguous_heads(query, target, 1, num_heads)
            key, value = contiguous_heads(key_value, source, 2, num_heads)
            queries.mul_(queries.shape[-1] ** -0.5)
            scores = torch.bmm(queries, key.transpose(1, 2))
            if source.valid is not None:
                hidden = torch.zeros(source.valid.shape, dtype=scores.dtype).masked_fill_(~source.valid, -math.inf)
                scores.view(source.count, num_heads, target.length, -1).add_(hidden[:, None, None, :])
            probabilities = torch.softmax(scores, -1)
            mask = keep_mask(tuple(scores.shape), p, scores.dtype) if p > 0 else None
            context = torch.bmm(probabilities if mask is None else probabilities * mask, value)
            if mask is not None:
                context.mul_(1 / (1 - p))
            parts.append(join_heads(context.view(target.count, num_heads, target.length, -1)))
            saved += [queries, key, value, probabilities, mask]
        ctx.save_for_backward(*saved)
        ctx.pairs, ctx.num_heads, ctx.p = pairs, num_heads, p
        ctx.source_tokens = key_value.shape[0]
        return gather_back(parts, [target for target, _ in pairs], query.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_context: Tensor) -> tuple[Tensor | None, ...]:
        of_targets, of_sources = [], []
        saved = ctx.saved_tensors  # once: where layers are computed again, asking is what makes them
        for i, (target, source) in enumerate(ctx.pairs):
            query, key, value, probabilities, mask = saved[5 * i : 5 * i + 5]
            grad = head_gradients(grad_context, target, ctx.num_heads, ctx.p)
            used, grad_scores = score_gradients(grad, value, probabilities, mask)
            grad_query = torch.bmm(grad_scores, key).mul_(query.shape[-1] ** -0.5)
            of_targets.append(join_heads(grad_query.view(target.count, ctx.num_heads, target.length, -1)))
            two = key.new_empty(2, *key.shape)
            torch.bmm(grad_scores.transpose(1, 2), query, out=two[0])
            torch.bmm(used.transpose(1, 2), grad, out=two[1])
            heads = two.view(2, source.count, ctx.num_heads, source.length, -1)
            of_sources.append(heads.permute(1, 3, 0, 2, 4).reshape(source.count * source.length, -1))
        grad_query = gather_back(of_targets, [target for target, _ in ctx.pairs], grad_context.shape[0])
        grad_key_value = gather_back(of_sources, [source for _, source in ctx.pairs], ctx.source_tokens)
        return grad_query, grad_key_value, None, None, None
