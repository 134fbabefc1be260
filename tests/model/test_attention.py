"""Attention over packed tokens is softmax attention within each sequence, and nothing across."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encodery.batch import Batch
from encodery.model.attention import attend, attend_padded, group_sequences, has_varlen_kernel
from tests.model.conftest import LENGTHS, TINY, make_batch


def make_qkv(tokens: int, heads: int = 3, head_dim: int = 11) -> Tensor:
    return torch.randn(tokens, 3, heads, head_dim, generator=torch.Generator().manual_seed(5))


def packed_attention(qkv: Tensor, batch: Batch, p: float = 0.0, reach: int | None = None) -> Tensor:
    """(tokens, 3, heads, head size) to (tokens, heads, head size)."""
    return attend(qkv.flatten(1), batch, group_sequences(batch), qkv.shape[2], p, reach).view(qkv[:, 0].shape)


def padded_attention(qkv: Tensor, batch: Batch, p: float = 0.0, reach: int | None = None) -> Tensor:
    """The same as CUDA computes it in single precision; it runs anywhere."""
    window = (reach, 0 if batch.causal else reach)
    return attend_padded(qkv.flatten(1), group_sequences(batch), qkv.shape[2], p, window).view(qkv[:, 0].shape)


def textbook(qkv: Tensor, lengths: Sequence[int], reach: int | None = None, causal: bool = False) -> Tensor:
    """Vaswani et al. 2017, equation 1, one sequence and one head at a time; with a reach, one token at a time."""
    outs = []
    for part in torch.split(qkv, list(lengths)):
        query, key, value = part.unbind(1)
        heads = []
        for head in range(qkv.shape[2]):
            scores = query[:, head] @ key[:, head].T / qkv.shape[3] ** 0.5
            if reach is None and not causal:
                heads.append(torch.softmax(scores, -1) @ value[:, head])
                continue
            far = len(part) if reach is None else reach
            seen = [range(max(0, i - far), min(len(part), i + (0 if causal else far) + 1)) for i in range(len(part))]
            rows = [torch.softmax(scores[i, list(s)], -1) @ value[list(s), head] for i, s in enumerate(seen)]
            heads.append(torch.stack(rows))
        outs.append(torch.stack(heads, 1))
    return torch.cat(outs)


@pytest.mark.parametrize("way", [packed_attention, padded_attention])
@pytest.mark.parametrize("reach", [None, 0, 3, 17])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (29,), (7, 7), (1, 1, 1), (2, 3, 5, 7, 11, 13)], ids=str)
def test_it_is_the_textbook_formula_forward_and_backward(
    lengths: Sequence[int], causal: bool, reach: int | None, way: Callable[..., Tensor]
) -> None:
    batch = replace(make_batch(TINY, lengths), causal=causal)
    ours, theirs = (make_qkv(batch.num_tokens).requires_grad_() for _ in range(2))
    weights = torch.randn(batch.num_tokens, 3, 11, generator=torch.Generator().manual_seed(7))
    out, expected = way(ours, batch, reach=reach), textbook(theirs, lengths, reach, causal)
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=1e-5)
    (found,) = torch.autograd.grad((out * weights).sum(), ours)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), theirs)
    torch.testing.assert_close(found, wanted, atol=2e-6, rtol=1e-5)


@settings(max_examples=23)
@given(st.lists(st.integers(1, 29), min_size=1, max_size=13), st.none() | st.integers(0, 31), st.booleans())
def test_any_mixture_of_lengths(lengths: list[int], reach: int | None, causal: bool) -> None:
    batch = replace(make_batch(TINY, lengths), causal=causal)
    qkv = make_qkv(batch.num_tokens)
    expected = textbook(qkv, lengths, reach, causal)
    torch.testing.assert_close(packed_attention(qkv, batch, reach=reach), expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(padded_attention(qkv, batch, reach=reach), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("way", [packed_attention, padded_attention])
@pytest.mark.parametrize("reach", [None, 5])
@pytest.mark.parametrize("lengths", [LENGTHS, (23, 23), (1, 16, 29)], ids=str)
def test_looking_back_no_token_depends_on_a_later_one(
    lengths: Sequence[int], reach: int | None, way: Callable[..., Tensor]
) -> None:
    batch = replace(make_batch(TINY, lengths), causal=True)
    qkv = make_qkv(batch.num_tokens).requires_grad_()
    out = way(qkv, batch, reach=reach)
    start = sum(lengths[:-1])  # within the last sequence, at the first, a middle and the last place
    for place in {start, start + lengths[-1] // 2, start + lengths[-1] - 1}:
        (gradient,) = torch.autograd.grad(out[place].sum(), qkv, retain_graph=True)
        touched = gradient.abs().amax((1, 2, 3)) > 0
        first = start if reach is None else max(start, place - reach)
        assert touched.nonzero().flatten().tolist() == list(range(first, place + 1))
        later = qkv.detach().clone()
        later[place + 1 :] += 1
        torch.testing.assert_close(way(later, batch, reach=reach)[: place + 1], out[: place + 1])


@pytest.mark.parametrize("way", [packed_attention, padded_attention])
def test_padding_far_from_its_sequence_spoils_no_gradient(way: Callable[..., Tensor]) -> None:
    """One token and a group of 16: the last padding tokens have nothing but padding within reach."""
    batch = make_batch(TINY, (1, 16, 29))
    assert max(group.length for group in group_sequences(batch) if group.count > 1) == 16
    qkv = make_qkv(batch.num_tokens).requires_grad_()
    out = way(qkv, batch, reach=2)
    (gradient,) = torch.autograd.grad(out.square().sum(), qkv)
    assert bool(gradient.isfinite().all())
    assert bool(gradient[:, 2].abs().amax((1, 2)).min() > 0)


@pytest.mark.parametrize("reach", [None, 3])
def test_large_scores_do_not_overflow(reach: int | None) -> None:
    batch = make_batch(TINY)
    qkv = make_qkv(batch.num_tokens) * 100
    out = packed_attention(qkv, batch, reach=reach)
    assert bool(out.isfinite().all())
    torch.testing.assert_close(out, textbook(qkv, LENGTHS, reach), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("reach", [None, 3])
def test_dropout_keeps_the_mean_and_is_drawn_anew(reach: int | None) -> None:
    batch = make_batch(TINY, (7, 13))
    qkv = make_qkv(batch.num_tokens)
    torch.manual_seed(11)
    draws = torch.stack([packed_attention(qkv, batch, 0.25, reach) for _ in range(401)])
    assert not torch.equal(draws[0], draws[1])
    error = (draws.mean(0) - packed_attention(qkv, batch, 0.0, reach)).abs() / (draws.std(0) / 401**0.5)
    assert error.max() < 6


def test_dropped_attention_is_scaled_up() -> None:
    """One token sees itself alone: its value is either lost or divided by what is kept."""
    batch = make_batch(TINY, (1,) * 101)
    qkv = make_qkv(101)
    torch.manual_seed(13)
    ratio = packed_attention(qkv, batch, 0.25) / qkv[:, 2]
    kept = ratio.abs() > 0.5
    torch.testing.assert_close(ratio[kept], torch.full_like(ratio[kept], 1 / 0.75))
    assert set(ratio[~kept].tolist()) <= {0.0, -0.0}
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("way", [packed_attention, padded_attention])
@pytest.mark.parametrize("reach", [None, 3])
def test_half_precision_in_and_out(reach: int | None, way: Callable[..., Tensor], dtype: torch.dtype) -> None:
    batch = make_batch(TINY)
    qkv = make_qkv(batch.num_tokens)
    low = way(qkv.to(dtype), batch, reach=reach)
    assert low.dtype == dtype
    torch.testing.assert_close(low.float(), textbook(qkv, LENGTHS, reach), atol=0.05, rtol=0.05)


@pytest.mark.gpu
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("reach", [None, 0, 3, 17])
def test_the_kernel_of_cuda_computes_the_same(reach: int | None, causal: bool) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    batch = replace(make_batch(TINY), causal=causal).to("cuda")
    ours, theirs = (make_qkv(batch.num_tokens, head_dim=16).to("cuda") for _ in range(2))
    half = ours.bfloat16().requires_grad_()
    assert has_varlen_kernel(half, 0.0)
    out, expected = (
        packed_attention(half, batch, reach=reach),
        textbook(theirs.requires_grad_(), LENGTHS, reach, causal),
    )
    torch.testing.assert_close(out.float(), expected, atol=0.05, rtol=0.05)
    (found,) = torch.autograd.grad(out.float().square().sum(), half)
    (wanted,) = torch.autograd.grad(expected.square().sum(), theirs)
    torch.testing.assert_close(found.float(), wanted, atol=0.1, rtol=0.1)


def test_gradients_follow_the_dropped_attention() -> None:
    """With one mask the output is linear in the values: what a token passes on is what comes back to it."""
    batch = make_batch(TINY, (7, 13, 2))
    qkv = make_qkv(batch.num_tokens).requires_grad_()
    torch.manual_seed(17)
    out = packed_attention(qkv, batch, 0.25)
    (gradient,) = torch.autograd.grad((out * out.detach()).sum(), qkv)
    # sum(out * grad) = sum(value * d value) as out is linear in the values
    torch.testing.assert_close((gradient[:, 2] * qkv.detach()[:, 2]).sum(), out.detach().square().sum())
    # numerically, along one direction of queries and keys, in double precision
    base = qkv.detach().double()
    direction = torch.zeros_like(base)
    direction[:, :2] = torch.randn(base[:, :2].shape, generator=torch.Generator().manual_seed(19), dtype=base.dtype)

    def value(step: float) -> Tensor:
        torch.manual_seed(17)
        return (packed_attention(base + step * direction, batch, 0.25) * out.detach()).sum()

    slope = (value(1e-6) - value(-1e-6)) / 2e-6
    torch.testing.assert_close((gradient.double() * direction).sum(), slope, atol=1e-3, rtol=1e-4)


@given(st.lists(st.integers(1, 512), min_size=1, max_size=43))
def test_groups_hold_every_token_once_and_little_padding(lengths: list[int]) -> None:
    batch = make_batch(TINY, lengths)
    groups = group_sequences(batch)
    assert sum(group.count for group in groups) == len(lengths)
    if len(set(lengths)) == 1:
        assert (groups[0].rows, groups[0].valid, groups[0].length) == (None, None, lengths[0])
        return
    reached: list[int] = []
    for group in groups:
        assert group.rows is not None
        assert group.targets is not None
        kept = torch.ones(group.count, group.length, dtype=torch.bool) if group.valid is None else group.valid
        valid = kept.flatten()
        assert torch.equal(group.rows[valid], group.targets[valid])
        assert set(group.targets[~valid].tolist()) <= {batch.num_tokens}
        reached += group.rows[valid].tolist()
        shortest = int(kept.sum(1).min())
        assert group.length - shortest < max(16, max(lengths) // 8)
    assert sorted(reached) == list(range(batch.num_tokens))
