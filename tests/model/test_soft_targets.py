"""The divergence from a teacher against a dense softmax in float64, and that no matrix of logits stays."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from encodery.model import soft_targets
from encodery.model.soft_targets import soft_target_loss

Side = tuple[Tensor, Tensor, Tensor]
ROWS, WIDTH, TEACHER_WIDTH, VOCABULARY, TEMPERATURE = 13, 7, 11, 101, 1.7


def operands(dtype: torch.dtype = torch.float64) -> tuple[Side, Side]:
    """Hidden states, weight and bias of the student, which learns, and of the teacher, which could."""
    generator = torch.Generator().manual_seed(5)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    student = (drawn(ROWS, WIDTH), drawn(VOCABULARY, WIDTH), drawn(VOCABULARY))
    return student, (drawn(ROWS, TEACHER_WIDTH), drawn(VOCABULARY, TEACHER_WIDTH), drawn(VOCABULARY))


def dense(student: Side, teacher: Side, temperature: float = TEMPERATURE) -> Tensor:
    """As DistilBERT's authors compute it: both whole matrices, `kl_div`, times the temperature squared."""
    said = F.log_softmax(F.linear(*student) / temperature, -1)
    wanted = F.softmax(F.linear(*teacher) / temperature, -1).detach()
    return F.kl_div(said, wanted, reduction="sum") * temperature**2


@pytest.mark.parametrize("at_once", [1, VOCABULARY * 5 + 1, 1 << 24])
def test_loss_and_gradient_are_those_of_the_whole_softmax(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soft_targets, "LOGITS_AT_ONCE", at_once)
    student, teacher = operands()
    expected, expected_teacher = operands()
    loss = soft_target_loss(student, teacher, TEMPERATURE)
    (3 * loss).backward()  # type: ignore[no-untyped-call]
    oracle = dense(expected, expected_teacher)
    (3 * oracle).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, oracle, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(student, expected, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-11, atol=1e-12)
    assert [tensor.grad for tensor in teacher] == [None] * 3


def test_a_student_that_says_the_same_has_no_loss() -> None:
    student, _ = operands(torch.float32)
    loss = soft_target_loss(student, student, 2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert abs(loss.item()) < 1e-5
    assert all(tensor.grad is not None and tensor.grad.abs().max() < 1e-5 for tensor in student)


def test_only_gradients_wait_for_the_backward_pass() -> None:
    student, teacher = operands()
    node: Any = soft_target_loss(student, teacher, TEMPERATURE).grad_fn
    kept = [tuple(tensor.shape) for tensor in node.saved_tensors]
    assert kept == [tuple(tensor.shape) for tensor in student]
    with torch.no_grad():
        assert soft_target_loss(student, teacher, TEMPERATURE).grad_fn is None


def test_autocast_is_the_students_and_the_teachers_dtype_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = operands(torch.float32)
    seen: list[torch.dtype] = []
    linear = F.linear

    def spy(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        seen.append(weight.dtype)
        return linear(x, weight, bias)

    monkeypatch.setattr(F, "linear", spy)
    with torch.autocast("cpu", torch.bfloat16):
        loss = soft_target_loss(student, teacher, TEMPERATURE)
    assert seen == [torch.float32, torch.bfloat16]
    loss.backward()  # type: ignore[no-untyped-call]
    monkeypatch.undo()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), dense(*operands()), rtol=0.02, atol=0.0)
    assert [tensor.grad is not None and tensor.grad.dtype for tensor in student] == [torch.float32] * 3
