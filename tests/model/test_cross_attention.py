"""Packed cross-attention is the plain formula, sequence by sequence; so are its gradients."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from encodery.batch import Batch, Sequence, pack
from encodery.model.attention import has_varlen_kernel
from encodery.model.cross_attention import attend_across, attend_across_padded, pair_sequences

HEADS, SIZE = 3, 5
LENGTHS = ((5, 3), (1, 17), (17, 1), (40, 33), (2, 2), (16, 40))


def batch_of(lengths: tuple[tuple[int, int], ...]) -> Batch:
    return pack([Sequence([0] * target, source=Sequence([0] * source)) for target, source in lengths])


def inputs(batch: Batch, seed: int = 3) -> tuple[Tensor, Tensor]:
    assert batch.source is not None
    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch.num_tokens, HEADS * SIZE), (batch.source.num_tokens, 2 * HEADS * SIZE))
    query, key_value = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return query.requires_grad_(), key_value.requires_grad_()


def plain(query: Tensor, key_value: Tensor, batch: Batch) -> Tensor:
    """Sequence by sequence, head by head."""
    assert batch.source is not None
    keys, values = key_value.chunk(2, 1)
    sides = ((query, batch), (keys, batch.source), (values, batch.source))
    rows = []
    for q, k, v in zip(*(torch.split(x, side.seqlens()) for x, side in sides), strict=True):
        heads = []
        for head in range(HEADS):
            part = slice(head * SIZE, (head + 1) * SIZE)
            heads.append(torch.softmax(q[:, part] @ k[:, part].T / math.sqrt(SIZE), -1) @ v[:, part])
        rows.append(torch.cat(heads, 1))
    return torch.cat(rows)


@pytest.mark.parametrize("lengths", [LENGTHS, ((7, 11),) * 3, ((3, 11), (3, 5)), ((3, 5), (7, 5)), ((3, 1), (1, 1))])
def test_outputs_and_gradients_are_those_of_the_plain_formula(lengths: tuple[tuple[int, int], ...]) -> None:
    batch = batch_of(lengths)
    given_ = inputs(batch)
    weights = torch.linspace(-1, 1, batch.num_tokens * HEADS * SIZE, dtype=torch.float64).view(-1, HEADS * SIZE)
    expected = plain(*given_, batch)
    wanted = torch.autograd.grad((expected * weights).sum(), given_)
    for on_cpu in (True, False):
        pairs = pair_sequences(batch)
        if on_cpu:
            found = attend_across(*given_, batch, pairs, HEADS, 0.0)
        else:
            found = attend_across_padded(*given_, pairs, HEADS, 0.0)
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-10)
        for ours, theirs in zip(torch.autograd.grad((found * weights).sum(), given_), wanted, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-10)


@pytest.mark.gpu
def test_the_kernel_of_cuda_computes_the_same() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    batch = batch_of(LENGTHS).to("cuda")
    generator = torch.Generator().manual_seed(3)
    assert batch.source is not None
    shapes = ((batch.num_tokens, 3 * 16), (batch.source.num_tokens, 2 * 3 * 16))
    halves = [torch.randn(shape, generator=generator).to("cuda").bfloat16().requires_grad_() for shape in shapes]
    wholes = [half.detach().float().requires_grad_() for half in halves]
    pairs = pair_sequences(batch)
    assert has_varlen_kernel(halves[0], 0.0)
    found = attend_across(halves[0], halves[1], batch, pairs, 3, 0.0)
    expected = attend_across_padded(wholes[0], wholes[1], pairs, 3, 0.0)
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)
    ours = torch.autograd.grad(found.float().square().sum(), halves)
    theirs = torch.autograd.grad(expected.square().sum(), wholes)
    for gradient, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient.float(), wanted, atol=0.1, rtol=0.1)


def test_gradients_with_dropout_are_those_of_the_mask_that_was_drawn() -> None:
    batch = batch_of(LENGTHS)
    query, key_value = inputs(batch)
    pairs = pair_sequences(batch)
    generator = torch.Generator().manual_seed(7)
    directions = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in (query, key_value)]

    def value(step: float) -> Tensor:
        torch.manual_seed(13)
        moved = query + step * directions[0], key_value + step * directions[1]
        return attend_across(*moved, batch, pairs, HEADS, 0.3).square().sum()

    gradients = torch.autograd.grad(value(0.0), (query, key_value))
    slope = (value(1e-6) - value(-1e-6)) / 2e-6
    inner = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    torch.testing.assert_close(inner, slope.detach(), atol=1e-4, rtol=1e-6)


def test_dropout_keeps_the_mean() -> None:
    batch = batch_of(((11, 13),) * 5)
    given_ = inputs(batch)
    pairs = pair_sequences(batch)
    torch.manual_seed(5)
    mean = torch.stack([attend_across(*given_, batch, pairs, HEADS, 0.5) for _ in range(997)]).mean(0)
    torch.testing.assert_close(mean, plain(*given_, batch), atol=0.15, rtol=0.0)


@given(st.lists(st.tuples(st.integers(1, 97), st.integers(1, 97)), min_size=1, max_size=23))
def test_groups_hold_every_token_of_both_sides_once(lengths: list[tuple[int, int]]) -> None:
    batch = batch_of(tuple(lengths))
    assert batch.source is not None
    pairs = pair_sequences(batch)
    for place, side in enumerate((batch, batch.source)):
        groups = [pair[place] for pair in pairs]
        assert sum(group.count for group in groups) == len(lengths)
        if len(groups) == 1 and groups[0].rows is None:
            assert set(side.seqlens()) == {groups[0].length}
            continue
        reached: list[int] = []
        for group in groups:
            assert group.rows is not None
            valid = torch.ones(group.count, group.length, dtype=torch.bool) if group.valid is None else group.valid
            reached += group.rows[valid.flatten()].tolist()
        assert sorted(reached) == list(range(side.num_tokens))
    assert all(target.count == source.count for target, source in pairs)


def test_a_short_sequence_among_long_ones_is_not_taken_for_all_of_them() -> None:
    """One target of three tokens, padded to four, has as many as all have together."""
    batch = batch_of(((3, 2), (1, 40)))
    given_ = inputs(batch)
    torch.testing.assert_close(
        attend_across(*given_, batch, pair_sequences(batch), HEADS, 0.0), plain(*given_, batch)
    )
