"""Dropout drops what it says, keeps the mean, and its gradient goes where the value went."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from encodery.model.dropout import dropout, dropout_add_norm, keep_mask

P = 0.25
TOKENS, HIDDEN = 101, 53


def normal(*shape: int, seed: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_a_mask_keeps_its_share(p: float) -> None:
    torch.manual_seed(5)
    mask = keep_mask((1009, 101), p, torch.float32)
    assert mask.shape == (1009, 101)
    assert set(mask.flatten().tolist()) == {0.0, 1.0}
    error = (p * (1 - p) / mask.numel()) ** 0.5
    assert mask.mean().item() == pytest.approx(1 - p, abs=4 * error)
    # neighbours are dropped independently, in both directions
    for first, second in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])):
        assert (first * second).mean().item() == pytest.approx((1 - p) ** 2, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_mask_is_a_function_of_the_seed(dtype: torch.dtype) -> None:
    masks = [keep_mask((7, 11, 13), P, dtype) for seed in (5, 5, 7) if torch.manual_seed(seed)]
    assert masks[0].dtype == dtype
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


def test_two_masks_in_a_row_differ() -> None:
    torch.manual_seed(5)
    assert not torch.equal(keep_mask((7, 11), P, torch.float32), keep_mask((7, 11), P, torch.float32))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5])
def test_any_size_has_a_mask(size: int) -> None:
    assert keep_mask((size,), P, torch.float32).shape == (size,)


def test_dropout_loses_a_value_or_divides_it_by_what_is_kept() -> None:
    x = normal(TOKENS, HIDDEN).requires_grad_()
    torch.manual_seed(5)
    y = dropout(x, P)
    kept = y != 0
    torch.testing.assert_close(y[kept], x[kept] / (1 - P))
    assert kept.float().mean().item() == pytest.approx(1 - P, abs=0.03)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, kept.float() / (1 - P))


def test_no_dropout_changes_nothing() -> None:
    x = normal(TOKENS, HIDDEN)
    assert torch.equal(dropout(x, 0.0), x)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("p", [0.0, P])
def test_the_fused_form_is_the_composed_one(p: float, biased: bool) -> None:
    shapes = ((TOKENS, HIDDEN), (TOKENS, HIDDEN), (HIDDEN,), (HIDDEN,))
    x, residual, weight, drawn = (
        normal(*s, seed=i, dtype=torch.float64).requires_grad_() for i, s in enumerate(shapes)
    )
    bias = drawn if biased else None
    torch.manual_seed(5)
    fused = dropout_add_norm(x, residual, weight, bias, 1e-5, p)
    torch.manual_seed(5)
    composed = F.layer_norm(residual + dropout(x, p), (HIDDEN,), weight, bias, 1e-5)
    torch.testing.assert_close(fused, composed)
    goal = normal(TOKENS, HIDDEN, seed=7, dtype=torch.float64)
    inputs = (x, residual, weight, drawn) if biased else (x, residual, weight)
    found = torch.autograd.grad((fused * goal).sum(), inputs)
    expected = torch.autograd.grad((composed * goal).sum(), inputs)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_residual_keeps_its_precision_under_autocast() -> None:
    x, residual = normal(TOKENS, HIDDEN).bfloat16().requires_grad_(), normal(TOKENS, HIDDEN, seed=5).requires_grad_()
    weight, bias = torch.ones(HIDDEN, requires_grad=True), torch.zeros(HIDDEN, requires_grad=True)
    y = dropout_add_norm(x, residual, weight, bias, 1e-5, P)
    assert y.dtype == torch.float32
    y.square().sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert residual.grad is not None
    assert (x.grad.dtype, residual.grad.dtype) == (torch.bfloat16, torch.float32)
