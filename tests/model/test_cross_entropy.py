"""The blockwise loss over a vocabulary is the plain one."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from encodery.model import cross_entropy
from encodery.model.cross_entropy import linear_cross_entropy

SCORED, HIDDEN, VOCABULARY = 23, 11, 1009


@pytest.fixture(params=[37, 1009, 4096])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks with a short last one, exactly one, and one that is larger than the vocabulary."""
    monkeypatch.setattr(cross_entropy, "VOCABULARY_BLOCK", request.param)


def inputs(dtype: torch.dtype = torch.float64, spread: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = ((SCORED, HIDDEN), (VOCABULARY, HIDDEN), (VOCABULARY,))
    hidden, weight, bias = (torch.randn(shape, generator=generator, dtype=dtype) * spread for shape in shapes)
    labels = torch.randint(VOCABULARY, (SCORED,), generator=generator)
    labels[:3] = torch.tensor([0, VOCABULARY - 1, 36])
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), labels


@pytest.mark.usefixtures("block")
def test_loss_and_gradients_are_those_of_the_plain_formula() -> None:
    hidden, weight, bias, labels = inputs()
    loss, hits = linear_cross_entropy(hidden, weight, bias, labels)
    logits = F.linear(hidden, weight, bias)
    expected = F.cross_entropy(logits, labels, reduction="sum")
    torch.testing.assert_close(loss, expected, atol=1e-10, rtol=1e-10)
    assert int(hits) == int((logits.argmax(1) == labels).sum())
    wanted = torch.autograd.grad(3 * expected, (hidden, weight, bias))
    for found, target in zip(torch.autograd.grad(3 * loss, (hidden, weight, bias)), wanted, strict=True):
        torch.testing.assert_close(found, target, atol=1e-10, rtol=1e-10)


@pytest.mark.usefixtures("block")
def test_hits_are_found_in_any_block() -> None:
    hidden, weight, bias, _ = inputs()
    best = F.linear(hidden, weight, bias).argmax(1)
    labels = torch.cat([best[:7], (best[7:] + 1) % VOCABULARY])
    assert int(linear_cross_entropy(hidden, weight, bias, labels)[1]) == 7


@pytest.mark.usefixtures("block")
def test_huge_logits_do_not_overflow() -> None:
    hidden, weight, bias, labels = inputs(torch.float32, spread=100.0)
    loss, _ = linear_cross_entropy(hidden, weight, bias, labels)
    gradients = torch.autograd.grad(loss, (hidden, weight, bias))
    assert bool(loss.isfinite())
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    expected = F.cross_entropy(F.linear(hidden, weight, bias), labels, reduction="sum")
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-2)


def test_under_autocast_products_are_short_and_sums_are_not() -> None:
    hidden, weight, bias, labels = inputs(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = linear_cross_entropy(hidden, weight, bias, labels)
    gradients = torch.autograd.grad(loss, (hidden, weight, bias))
    exact, _ = linear_cross_entropy(hidden, weight, bias, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)
    for found, target in zip(gradients, torch.autograd.grad(exact, (hidden, weight, bias)), strict=True):
        assert found.dtype == torch.float32
        assert (found - target).norm() / target.norm() < 0.03


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothed_labels_are_those_of_the_plain_formula(smoothing: float) -> None:
    hidden, weight, bias, labels = inputs()
    loss, hits = linear_cross_entropy(hidden, weight, bias, labels, smoothing)
    logits = F.linear(hidden, weight, bias)
    expected = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected, atol=1e-10, rtol=1e-10)
    assert int(hits) == int((logits.argmax(1) == labels).sum())
    wanted = torch.autograd.grad(3 * expected, (hidden, weight, bias))
    for found, target in zip(torch.autograd.grad(3 * loss, (hidden, weight, bias)), wanted, strict=True):
        torch.testing.assert_close(found, target, atol=1e-10, rtol=1e-10)
