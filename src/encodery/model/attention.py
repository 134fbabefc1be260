"""Self-attention over packed tokens: every sequence sees itself and nothing else (Vaswani et al. 2017, 3.2).

A token sees its whole sequence or, with a `reach`, only the tokens at most so far from it (Beltagy et al. 2020, 3.1);
in a causal batch only those of them that are not behind it (Radford et al. 2018, 3.1). Both are one window: how far a
token sees to the left and to the right.

One meaning, four ways to compute it: the variable-length kernel of core PyTorch on CUDA in half precision, and
elsewhere padding inside attention only, over groups of sequences of nearly equal length; on the CPU with products,
softmax and dropout written out, which there is several times faster than `scaled_dot_product_attention`. A graph that
is traced for another engine attends to all packed tokens at once and hides those of other sequences (`Hidden`).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.model.dropout import keep_mask

Window = tuple[int | None, int | None]
"""How many places to the left and to the right a token sees; None: to the end."""
CAUSAL: Window = (None, 0)

LENGTHS = 8
"""Groups have about this many different padded lengths: more would pad less, but make smaller products."""


@dataclass(frozen=True)
class Group:
    """`count` sequences attended to together, padded to `length` tokens; all tokens in order if `rows` is None."""

    count: int
    length: int
    rows: Int[Tensor, " padded"] | None = None
    """Packed row of each padded token; a padding token repeats the first row of its sequence."""
    targets: Int[Tensor, " padded"] | None = None
    """Where its result goes: `rows`, but one past the last packed row for padding."""
    valid: Bool[Tensor, "count length"] | None = None
    """Which are no padding; all if None."""


@dataclass(frozen=True)
class Hidden:
    """What is added to the scores of every token with every other, for each reach that a model's layers have."""

    biases: Mapping[int | None, Float[Tensor, "tokens tokens"]]

    @classmethod
    def between(cls, sequence_ids: Int[Tensor, " tokens"], reaches: Iterable[int | None]) -> "Hidden":
        """Other sequences are hidden, and what is beyond a reach; by a finite number, which half precision has."""
        same = sequence_ids[:, None] == sequence_ids[None, :]
        place = torch.ones_like(sequence_ids).cumsum(0)
        far = (place[:, None] - place[None, :]).abs()
        seen = {reach: same if reach is None else same & (far <= reach) for reach in reaches}
        return cls({reach: torch.where(where, 0.0, HIDDEN) for reach, where in seen.items()})


HIDDEN = -1e4
"""Far below any score, and no infinity: of a row of these alone, softmax is still a number."""


def group_sequences(batch: Batch) -> list[Group]:
    """The batch's sequences grouped by length. A function of the batch alone: made once, used by all layers."""
    bounds = batch.cu_seqlens.cpu().numpy().astype(np.int64)
    device = batch.cu_seqlens.device
    lengths = np.diff(bounds)
    longest = int(lengths.max())
    if (lengths == longest).all():
        return [Group(len(lengths), longest)]
    step = max(16, longest // LENGTHS)
    padded = np.minimum(-(-lengths // step) * step, longest)
    groups = []
    for length in np.unique(padded).tolist():
        groups.append(make_group(bounds, np.flatnonzero(padded == length), length, device))
    return groups


def make_group(
    bounds: Int64[np.ndarray, " boundaries"], members: Int64[np.ndarray, " count"], length: int, device: torch.device
) -> Group:
    """These of the sequences that `bounds` part, padded to `length`."""
    lengths = np.diff(bounds)[members]
    if len(members) == len(bounds) - 1 and (lengths == length).all():
        return Group(len(members), length)
    offsets = np.arange(length)
    valid = offsets < lengths[:, None]
    rows = bounds[members, None] + np.where(valid, offsets, 0)
    targets = np.where(valid, rows, bounds[-1])
    packed, results = (torch.from_numpy(array.reshape(-1)).to(device) for array in (rows, targets))
    mask = None if valid.all() else torch.from_numpy(valid).to(device)
    return Group(len(members), length, packed, results, mask)


def attend(
    qkv: Float[Tensor, "tokens three_hidden"],
    batch: Batch,
    groups: list[Group],
    num_heads: int,
    p: float,
    reach: int | None = None,
) -> Float[Tensor, "tokens hidden"]:
    """Softmax attention of every token to the tokens of its own sequence, dropout `p` on the probabilities.

    `qkv` holds queries, keys and values side by side, each as (heads, head size). With a `reach`, a token sees only
    those at most `reach` places before or behind it; in a causal batch none behind it.
    """
    window = (reach, 0 if batch.causal else reach)
    if qkv.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            context: Tensor = _Attend.apply(qkv, groups, num_heads, p, window)  # type: ignore[no-untyped-call]
        return context
    if has_varlen_kernel(qkv, p):
        return _attend_varlen(qkv, batch, num_heads, window)
    return attend_padded(qkv, groups, num_heads, p, window)


def attend_hidden(
    qkv: Float[Tensor, "tokens three_hidden"], bias: Float[Tensor, "tokens tokens"], num_heads: int
) -> Float[Tensor, "tokens hidden"]:
    """Attention of every token to every other, `bias` added to the scores; operations that every engine fuses."""
    query, key, value = qkv.view(-1, 3, num_heads, qkv.shape[1] // (3 * num_heads)).permute(1, 2, 0, 3).unbind()
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(1, 2)) + bias
    context = torch.matmul(torch.softmax(scores, -1), value)
    return context.transpose(0, 1).reshape(-1, qkv.shape[1] // 3)


def has_varlen_kernel(qkv: Tensor, p: float) -> bool:
    """The kernel runs on CUDA in half precision, and knows no dropout on the probabilities."""
    return qkv.is_cuda and p == 0.0 and qkv.dtype in (torch.float16, torch.bfloat16)


def _attend_varlen(qkv: Tensor, batch: Batch, num_heads: int, window: Window) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = qkv.view(qkv.shape[0], 3, num_heads, -1).unbind(1)
    bounds, longest = batch.cu_seqlens, batch.max_seqlen
    left, right = (-1 if side is None else side for side in window)
    context = varlen_attn(query, key, value, bounds, bounds, longest, longest, window_size=(left, right))
    assert isinstance(context, Tensor)
    return context.flatten(1)


def attend_padded(
    qkv: Float[Tensor, "tokens three_hidden"],
    groups: list[Group],
    num_heads: int,
    p: float,
    window: Window = (None, None),
) -> Float[Tensor, "tokens hidden"]:
    """`attend` for devices other than the CPU where the kernel cannot run; the CPU computes the same, more slowly."""
    parts = []
    causal = window == CAUSAL  # then no mask is needed, and kernels without one can run: padding comes last
    for group in groups:
        query, key, value = split_heads(qkv, group, 3 * num_heads).chunk(3, dim=1)
        mask = None if group.valid is None or causal else group.valid[:, None, None, :]
        # added, not and-ed: no row may be hidden wholly
        if not causal and (far := _far(group, window, query)) is not None:
            mask = far if mask is None else far.expand(group.count, 1, -1, -1).masked_fill(~mask, -math.inf)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=p, is_causal=causal)
        parts.append(join_heads(attended))
    return gather_back(parts, groups, qkv.shape[0])


def _far(group: Group, window: Window, like: Tensor) -> Float[Tensor, "length length"] | None:
    """What is added to scores to hide what is outside the window; None if all is inside.

    Finite, because a padding token may have nothing but padding in its window, and a row of -inf alone is NaN.
    """
    left, right = (group.length if side is None else side for side in window)
    if group.length <= min(left, right) + 1:
        return None
    place = torch.arange(group.length, device=like.device)
    ahead = place - place[:, None]
    hidden = (ahead > right) | (ahead < -left)
    return torch.zeros_like(hidden, dtype=like.dtype).masked_fill_(hidden, torch.finfo(like.dtype).min / 2)


def split_heads(x: Tensor, group: Group, heads: int) -> Float[Tensor, "count heads length size"]:
    """The group's rows of `x`, padded, each as so many heads."""
    rows = x if group.rows is None else x.index_select(0, group.rows)
    return rows.view(group.count, group.length, heads, -1).transpose(1, 2)


def join_heads(x: Float[Tensor, "count heads length size"]) -> Float[Tensor, "padded hidden"]:
    """The way back: one row for each padded token."""
    return x.transpose(1, 2).reshape(x.shape[0] * x.shape[2], -1)


def gather_back(parts: list[Tensor], groups: list[Group], tokens: int) -> Float[Tensor, "tokens hidden"]:
    """The groups' rows in packed order, padding dropped."""
    if groups[0].targets is None:
        return parts[0]
    targets = torch.cat([group.targets for group in groups if group.targets is not None])
    packed = parts[0].new_empty(tokens + 1, parts[0].shape[1])
    return packed.index_copy(0, targets, torch.cat(parts))[:tokens]


def head_gradients(
    grad_context: Float[Tensor, "tokens hidden"], group: Group, num_heads: int, p: float
) -> Float[Tensor, "heads length size"]:
    """The gradient of what a group's heads gave, before dropout `p` raised what it kept; padding has none."""
    grad = split_heads(grad_context, group, num_heads)
    grad = grad.reshape(-1, *grad.shape[2:]) * (1 / (1 - p))
    if group.valid is not None:
        rows = group.valid[:, None, :, None].to(grad.dtype)
        grad.view(group.count, num_heads, group.length, -1).mul_(rows)
    return grad


def score_gradients(
    grad: Float[Tensor, "heads length size"],
    value: Float[Tensor, "heads seen size"],
    probabilities: Float[Tensor, "heads length seen"],
    mask: Tensor | None,
) -> tuple[Float[Tensor, "heads length seen"], Float[Tensor, "heads length seen"]]:
    """The probabilities as dropout left them (`mask`), and the gradient of the scores that softmax read."""
    used = probabilities if mask is None else probabilities * mask
    grad_probabilities = torch.bmm(grad, value.transpose(1, 2))
    if mask is not None:
        grad_probabilities.mul_(mask)
    return used, torch._softmax_backward_data(grad_probabilities, probabilities, -1, probabilities.dtype)


class _Attend(torch.autograd.Function):
    """Batched products on contiguous heads. The flash kernel that PyTorch has for the CPU knows no dropout, and its
    backward pass is slow in bfloat16: this is 4x as fast, forward and backward together (benchmarks/results)."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, groups: list[Group], num_heads: int, p: float, window: Window) -> Tensor:
        parts: list[Tensor] = []
        saved: list[Tensor | None] = []
        for group in groups:
            query, key, value = contiguous_heads(qkv, group, 3, num_heads)
            query.mul_(query.shape[-1] ** -0.5)
            scores = torch.bmm(query, key.transpose(1, 2))
            if group.valid is not None:
                hidden = torch.zeros(group.valid.shape, dtype=scores.dtype).masked_fill_(~group.valid, -math.inf)
                scores.view(group.count, num_heads, group.length, -1).add_(hidden[:, None, None, :])
            if (far := _far(group, window, scores)) is not None:
                scores.add_(far)
            probabilities = torch.softmax(scores, -1)
            mask = keep_mask(tuple(scores.shape), p, scores.dtype) if p > 0 else None
            context = torch.bmm(probabilities if mask is None else probabilities * mask, value)
            if mask is not None:
                context.mul_(1 / (1 - p))
            parts.append(join_heads(context.view(group.count, num_heads, group.length, -1)))
            saved += [query, key, value, probabilities, mask]
        ctx.save_for_backward(*saved)
        ctx.groups, ctx.num_heads, ctx.p = groups, num_heads, p
        return gather_back(parts, groups, qkv.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_context: Tensor) -> tuple[Tensor | None, ...]:
        parts = []
        saved = ctx.saved_tensors  # once: where layers are computed again, asking is what makes them
        for i, group in enumerate(ctx.groups):
            query, key, value, probabilities, mask = saved[5 * i : 5 * i + 5]
            grad = head_gradients(grad_context, group, ctx.num_heads, ctx.p)
            used, grad_scores = score_gradients(grad, value, probabilities, mask)
            three = query.new_empty(3, *query.shape)
            torch.bmm(grad_scores, key, out=three[0]).mul_(query.shape[-1] ** -0.5)
            torch.bmm(grad_scores.transpose(1, 2), query, out=three[1])
            torch.bmm(used.transpose(1, 2), grad, out=three[2])
            heads = three.view(3, group.count, ctx.num_heads, group.length, -1)
            parts.append(heads.permute(1, 3, 0, 2, 4).reshape(group.count * group.length, -1))
        return gather_back(parts, ctx.groups, grad_context.shape[0]), None, None, None, None


def contiguous_heads(x: Tensor, group: Group, parts: int, num_heads: int) -> tuple[Tensor, ...]:
    """What lies side by side in `x`, such as query, key and value; each (count * heads, length, size)."""
    rows = x if group.rows is None else x.index_select(0, group.rows)
    heads = rows.view(group.count, group.length, parts, num_heads, -1).permute(2, 0, 3, 1, 4)
    copied = rows.new_empty(heads.shape).copy_(heads)  # always a copy: the query is scaled in place
    return copied.view(parts, group.count * num_heads, group.length, -1).unbind()
