"""Rotary positions: the rotation of the paper, which makes scores a function of distance."""

import pytest
import torch
from torch import Tensor
from transformers import ModernBertConfig
from transformers.models.modernbert.modeling_modernbert import ModernBertRotaryEmbedding, apply_rotary_pos_emb

from encodery.model.rope import rotate, rotations

TOKENS, HEADS, SIZE = 13, 3, 14
THETA = 101.0


def make_qkv(seed: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(TOKENS, 3 * HEADS * SIZE, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def turned(qkv: Tensor, positions: Tensor, theta: float = THETA) -> Tensor:
    return rotate(qkv, rotations(positions, SIZE, [theta])[theta], HEADS).view(-1, 3, HEADS, SIZE)


def test_a_pair_of_numbers_is_turned_as_one_complex_number() -> None:
    """Su et al. 2021, equation 13: the i-th pair by position * theta ** (-2 i / size)."""
    positions = torch.tensor([0, 1, 2, 3, 5, 7, 11, 13, 17, 0, 1, 2, 997])
    qkv = make_qkv()
    found = turned(qkv, positions)
    pairs = qkv.view(TOKENS, 3, HEADS, 2, SIZE // 2)
    numbers = torch.complex(pairs[:, :, :, 0], pairs[:, :, :, 1])
    rates = THETA ** (-2 * torch.arange(SIZE // 2).double() / SIZE)
    turns = torch.polar(torch.ones(TOKENS, SIZE // 2, dtype=torch.float64), positions[:, None] * rates)
    expected = numbers * turns[:, None, None]
    # angles are kept in single precision, and the last one is large
    torch.testing.assert_close(found[:, :2], torch.cat([expected.real, expected.imag], -1)[:, :2], atol=3e-4, rtol=0)
    assert torch.equal(found[:, 2], qkv.view(TOKENS, 3, HEADS, SIZE)[:, 2])  # values stay


def test_it_is_what_transformers_computes() -> None:
    config = ModernBertConfig(hidden_size=HEADS * SIZE, num_attention_heads=HEADS, global_rope_theta=THETA)
    positions = torch.arange(TOKENS) * 7
    qkv = make_qkv(dtype=torch.float32)
    cos, sin = ModernBertRotaryEmbedding(config)(qkv, positions[None], "full_attention")
    query, key, _ = qkv.view(1, TOKENS, 3, HEADS, SIZE).unbind(2)
    expected = apply_rotary_pos_emb(query, key, cos, sin, unsqueeze_dim=2)
    torch.testing.assert_close(turned(qkv, positions)[:, :2], torch.stack(expected, 2)[0], atol=1e-6, rtol=1e-6)


def test_scores_depend_on_the_distance_alone() -> None:
    qkv = make_qkv()
    near, far = (turned(qkv, torch.arange(TOKENS) + start) for start in (0, 1009))
    scores = [torch.einsum("ihd,jhd->hij", part[:, 0], part[:, 1]) for part in (near, far)]
    torch.testing.assert_close(scores[0], scores[1], atol=3e-3, rtol=0)
    still = torch.einsum("ihd,jhd->hij", *qkv.view(TOKENS, 3, HEADS, SIZE)[:, :2].unbind(1))
    assert not torch.allclose(scores[0], still, atol=0.1)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_the_dtype_is_kept(dtype: torch.dtype) -> None:
    qkv = make_qkv(dtype=dtype)
    found = turned(qkv, torch.arange(TOKENS))
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), turned(qkv.double(), torch.arange(TOKENS)), atol=0.02, rtol=0.01)


def test_each_base_has_its_rotation() -> None:
    positions = torch.arange(TOKENS)
    made = rotations(positions, SIZE, (101.0, 7.0, 101.0))
    assert set(made) == {7.0, 101.0}
    assert not torch.allclose(made[7.0].cos, made[101.0].cos)
    assert made[7.0].cos.shape == made[7.0].sin.shape == (TOKENS, SIZE // 2)
    assert rotations(positions, SIZE, ()) == {}


def test_gradients_are_turned_back() -> None:
    """A rotation keeps lengths, so the gradient of a product with a constant is the constant turned back."""
    qkv = make_qkv().requires_grad_()
    positions = torch.arange(TOKENS)
    goal = make_qkv(seed=5)
    (gradient,) = torch.autograd.grad((turned(qkv, positions).reshape(TOKENS, -1) * goal).sum(), qkv)
    back = turned(goal, -positions).reshape(TOKENS, -1)
    torch.testing.assert_close(gradient, back, atol=1e-6, rtol=0)
