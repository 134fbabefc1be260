"""Attention over packed tokens is softmax attention within each sequence, and nothing across."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encodery.batch import Batch
from encodery.model.attention import attend, group_sequences
from tests.model.conftest import LENGTHS, TINY, make_batch


def make_qkv(tokens: int, heads: int = 3, head_dim: int = 11) -> Tensor:
    return torch.randn(tokens, 3, heads, head_dim, generator=torch.Generator().manual_seed(5))


def packed_attention(qkv: Tensor, batch: Batch, p: float = 0.0) -> Tensor:
    """(tokens, 3, heads, head size) to (tokens, heads, head size)."""
    return attend(qkv.flatten(1), batch, group_sequences(batch), qkv.shape[2], p).view(qkv[:, 0].shape)


def textbook(qkv: Tensor, lengths: Sequence[int]) -> Tensor:
    """Vaswani et al. 2017, equation 1, one sequence and one head at a time."""
    outs = []
    for part in torch.split(qkv, list(lengths)):
        query, key, value = part.unbind(1)
        heads = []
        for head in range(qkv.shape[2]):
            scores = query[:, head] @ key[:, head].T / qkv.shape[3] ** 0.5
            heads.append(torch.softmax(scores, -1) @ value[:, head])
        outs.append(torch.stack(heads, 1))
    return torch.cat(outs)


@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (29,), (7, 7), (1, 1, 1), (2, 3, 5, 7, 11, 13)], ids=str)
def test_it_is_the_textbook_formula_forward_and_backward(lengths: Sequence[int]) -> None:
    batch = make_batch(TINY, lengths)
    ours, theirs = (make_qkv(batch.num_tokens).requires_grad_() for _ in range(2))
    weights = torch.randn(batch.num_tokens, 3, 11, generator=torch.Generator().manual_seed(7))
    out, expected = packed_attention(ours, batch), textbook(theirs, lengths)
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=1e-5)
    (found,) = torch.autograd.grad((out * weights).sum(), ours)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), theirs)
    torch.testing.assert_close(found, wanted, atol=2e-6, rtol=1e-5)


@settings(max_examples=23)
@given(st.lists(st.integers(1, 29), min_size=1, max_size=13))
def test_any_mixture_of_lengths(lengths: list[int]) -> None:
    batch = make_batch(TINY, lengths)
    qkv = make_qkv(batch.num_tokens)
    torch.testing.assert_close(packed_attention(qkv, batch), textbook(qkv, lengths), atol=1e-6, rtol=1e-5)


def test_large_scores_do_not_overflow() -> None:
    batch = make_batch(TINY)
    qkv = make_qkv(batch.num_tokens) * 100
    out = packed_attention(qkv, batch)
    assert bool(out.isfinite().all())
    torch.testing.assert_close(out, textbook(qkv, LENGTHS), atol=1e-3, rtol=1e-4)


def test_dropout_keeps_the_mean_and_is_drawn_anew() -> None:
    batch = make_batch(TINY, (7, 13))
    qkv = make_qkv(batch.num_tokens)
    torch.manual_seed(11)
    draws = torch.stack([packed_attention(qkv, batch, 0.25) for _ in range(401)])
    assert not torch.equal(draws[0], draws[1])
    error = (draws.mean(0) - packed_attention(qkv, batch)).abs() / (draws.std(0) / 401**0.5)
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


def test_bfloat16_in_and_out() -> None:
    batch = make_batch(TINY)
    qkv = make_qkv(batch.num_tokens)
    low = packed_attention(qkv.bfloat16(), batch)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), textbook(qkv, LENGTHS), atol=0.05, rtol=0.05)


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
        assert group.valid is not None
        valid = group.valid.flatten()
        assert torch.equal(group.rows[valid], group.targets[valid])
        assert set(group.targets[~valid].tolist()) <= {batch.num_tokens}
        reached += group.rows[valid].tolist()
        shortest = int(group.valid.sum(1).min())
        assert group.length - shortest < max(16, max(lengths) // 8)
    assert sorted(reached) == list(range(batch.num_tokens))
