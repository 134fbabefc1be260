"""The learning rate at every corner of its schedule, and which weights decay."""

import math
import sys
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from encodery.errors import UserError
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from encodery.train.optim import OptimizerConfig, build_optimizer, clip_gradients, learning_rate, parameter_groups

TINY = EncoderConfig(vocab_size=101, hidden_size=33, num_hidden_layers=2, num_attention_heads=3, intermediate_size=37)


def rates(total: int, **options: object) -> list[float]:
    config = OptimizerConfig.parse({"lr": 1.0, **options}, "optimizer")
    return [learning_rate(config, step, total) for step in range(1, total + 1)]


def test_up_linearly_and_down_linearly() -> None:
    assert rates(7, warmup_steps=3) == pytest.approx([1 / 3, 2 / 3, 1, 4 / 5, 3 / 5, 2 / 5, 1 / 5])


def test_up_linearly_and_then_flat() -> None:
    assert rates(7, warmup_steps=3, schedule="constant") == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1, 1])


def test_without_warmup() -> None:
    assert rates(4, warmup_steps=0) == pytest.approx([4 / 5, 3 / 5, 2 / 5, 1 / 5])
    assert rates(3, warmup_steps=0, schedule="constant") == [1.0, 1.0, 1.0]


def test_all_of_it_warmup() -> None:
    assert rates(5, warmup_steps=5) == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1])
    assert rates(5, warmup_ratio=1.0) == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1])


def test_a_warmup_longer_than_the_run_is_never_finished() -> None:
    assert rates(3, warmup_steps=11) == pytest.approx([1 / 11, 2 / 11, 3 / 11])


def test_a_single_step_is_taken_at_a_rate_above_zero() -> None:
    assert rates(1, warmup_steps=1) == [1.0]
    assert rates(1, warmup_steps=0) == [0.5]


def test_the_warmup_is_a_share_of_the_run_unless_steps_are_given() -> None:
    assert rates(29, warmup_ratio=0.1) == rates(29, warmup_steps=3)
    assert rates(29, warmup_ratio=0.5, warmup_steps=0) == rates(29, warmup_steps=0)
    assert OptimizerConfig().warmup_steps is None


def test_the_rate_scales_the_shape() -> None:
    shape = rates(13, warmup_steps=5)
    config = OptimizerConfig(lr=3e-4, warmup_steps=5)
    assert [learning_rate(config, step, 13) for step in range(1, 14)] == pytest.approx(
        [3e-4 * rate for rate in shape]
    )


def test_beyond_the_end_the_rate_is_zero() -> None:
    config = OptimizerConfig(lr=1.0, warmup_steps=2)
    assert learning_rate(config, 8, 7) == 0.0
    assert learning_rate(config, 101, 7) == 0.0


@given(st.integers(1, 211), st.integers(0, 211))
def test_the_rate_rises_to_its_peak_and_falls_to_above_zero(total: int, warmup: int) -> None:
    found = rates(total, warmup_steps=warmup)
    peak = min(warmup, total)
    assert all(0 < rate <= 1 for rate in found)
    assert found[:peak] == sorted(found[:peak])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    if 0 < warmup <= total:
        assert found[warmup - 1] == 1.0
    # linear on both sides: the second differences are zero
    for part in (found[:peak], found[peak:]):
        steps = [after - before for before, after in pairwise(part)]
        assert all(step == pytest.approx(steps[0]) for step in steps)


def test_matrices_decay_and_biases_and_norms_do_not() -> None:
    model = Model(TINY, ("mlm", "nsp"))
    decayed, plain = parameter_groups(model.named_parameters(), 0.01)
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.01, 0.0)
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [{name_of[id(parameter)] for parameter in group["params"]} for group in (decayed, plain)]
    assert found[0] == {
        "encoder.embeddings.word.weight",
        "encoder.embeddings.position.weight",
        "encoder.embeddings.token_type.weight",
        *(
            f"encoder.layers.{layer}.{part}.weight"
            for layer in (0, 1)
            for part in ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
        ),
        "pooler.dense.weight",
        "heads.mlm.dense.weight",
        "heads.nsp.out.weight",
    }
    assert found[1] == set(name_of.values()) - found[0]
    assert all(name.endswith((".bias", "norm.weight")) for name in found[1])


def test_a_group_without_members_is_left_out() -> None:
    assert len(parameter_groups(torch.nn.Linear(3, 5, bias=False).named_parameters(), 0.01)) == 1


def test_the_optimizer_has_the_constants_of_its_table() -> None:
    config = OptimizerConfig(lr=3e-4, betas=(0.8, 0.95), eps=1e-7, weight_decay=0.05)
    optimizer = build_optimizer(Model(TINY, ("mlm",)), config)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.0]
    for group in optimizer.param_groups:
        assert (group["lr"], group["betas"], group["eps"]) == (3e-4, (0.8, 0.95), 1e-7)


def test_bert_is_the_default() -> None:
    assert OptimizerConfig().model_dump() == {
        "lr": 1e-4,
        "betas": (0.9, 0.999),
        "eps": 1e-6,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "schedule": "linear",
        "warmup_steps": None,
        "warmup_ratio": 0.1,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"lr": 0.0}, "lr = 0.0: input should be greater than 0"),
        ({"betas": [0.9, 1.0]}, "betas = (0.9, 1.0); each must be in [0, 1)"),
        ({"betas": [-0.1, 0.9]}, "betas = (-0.1, 0.9); each must be in [0, 1)"),
        (
            {"schedule": "square"},
            "schedule = 'square': input should be 'linear', 'constant', 'cosine' or 'inverse-sqrt'",
        ),
        ({"warmup_ratio": 1.5}, "warmup_ratio = 1.5: input should be less than or equal to 1"),
        ({"warmup_steps": -1}, "warmup_steps = -1: input should be greater than or equal to 0"),
        ({"weight_decya": 0.1}, "unknown key 'weight_decya'; did you mean 'weight_decay'?"),
        ({"max_grad_norm": 0}, "max_grad_norm = 0: input should be greater than 0"),
    ],
)
def test_what_is_not_allowed(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(UserError) as error:
        OptimizerConfig.parse(fields, "run.toml")
    assert str(error.value) == f"run.toml: {expected}"


def scales(model: Model, layer_decay: float) -> dict[str, float]:
    """Share of the learning rate by parameter."""
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model.named_parameters(), 0.01, layer_decay)
    return {name_of[id(p)]: group["lr_scale"] for group in groups for p in group["params"]}


def test_each_layer_learns_more_slowly_than_the_one_above_it() -> None:
    model = Model(TINY, ("mlm", "nsp"))
    found = scales(model, 0.5)
    assert found.keys() == dict(model.named_parameters()).keys()
    for name, scale in found.items():
        expected = {"encoder.embeddings": 0.125, "encoder.layers.0": 0.25, "encoder.layers.1": 0.5}
        assert scale == expected.get(".".join(name.split(".")[: 3 if "layers" in name else 2]), 1.0), name


def test_the_norm_behind_the_layers_learns_like_a_head() -> None:
    model = Model(TINY.model_copy(update={"norm": "pre"}), ("mlm",))
    assert scales(model, 0.5)["encoder.norm.weight"] == 1.0


def test_without_decay_by_layer_there_are_two_groups() -> None:
    assert set(scales(Model(TINY, ("mlm",)), 1.0).values()) == {1.0}


def test_what_is_frozen_is_in_no_group() -> None:
    model = Model(TINY, ("nsp",))
    model.encoder.requires_grad_(False)
    assert scales(model, 0.5).keys() == {
        "pooler.dense.weight", "pooler.dense.bias", "heads.nsp.out.weight", "heads.nsp.out.bias",
    }  # fmt: skip


@pytest.mark.parametrize("factor", [0.0, -0.5, 1.5])
def test_a_factor_of_none_or_more_than_one_is_refused(factor: float) -> None:
    with pytest.raises(UserError, match=rf"run\.toml: layer_decay = {factor}: input should be"):
        OptimizerConfig.parse({"layer_decay": factor}, "run.toml")


@pytest.mark.parametrize("scale", [1e-3, 0.9, 1.0, 1.1, 1e3, float("inf"), float("nan")])
def test_clipping_is_that_of_torch_to_the_bit(scale: float) -> None:
    generator = torch.Generator().manual_seed(3)
    models = [nn.Linear(7, 5), nn.Linear(7, 5)]
    gradients = [torch.randn(shape, generator=generator) for shape in ((5, 7), (5,))]
    length = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    for model in models:
        for parameter, gradient in zip(model.parameters(), gradients, strict=True):
            parameter.grad = gradient / length * scale
    norm = clip_gradients(models[0], 1.0)
    expected = torch.nn.utils.clip_grad_norm_(models[1].parameters(), 1.0).item()
    assert norm == expected or (math.isnan(norm) and math.isnan(expected))
    for ours, theirs in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert ours.grad is not None
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0, equal_nan=True)


def test_weights_without_a_gradient_are_passed_over() -> None:
    model = nn.Linear(7, 5)
    model.weight.grad = torch.full((5, 7), 2.0)
    assert clip_gradients(model, 1.0) == pytest.approx(2 * 35**0.5)
    assert model.bias.grad is None
    assert float(model.weight.grad.norm()) == pytest.approx(1.0, abs=1e-5)


def test_half_a_wave_down() -> None:
    half = [(1 + math.cos(math.pi * k / 4)) / 2 for k in (1, 2, 3)]
    assert rates(6, warmup_steps=3, schedule="cosine") == pytest.approx([1 / 3, 2 / 3, 1, *half])


def test_one_over_the_root_of_the_step() -> None:
    falling = [math.sqrt(3 / step) for step in (4, 5, 6, 7)]
    assert rates(7, warmup_steps=3, schedule="inverse-sqrt") == pytest.approx([1 / 3, 2 / 3, 1, *falling])
    assert rates(3, warmup_steps=0, schedule="inverse-sqrt") == pytest.approx([1, 2**-0.5, 3**-0.5])


def lamb_by_the_paper(weights: list[Tensor], gradients: list[list[Tensor]], decay: float) -> list[Tensor]:
    """You et al. 2020, algorithm 2 (no bias correction, a length of at most 10), in float64 with plain loops."""
    lr, beta1, beta2, eps = 0.01, 0.9, 0.99, 1e-6
    result = []
    for number, weight in enumerate(weights):
        w, m, v = weight.double(), torch.zeros(()), torch.zeros(())
        for step in gradients:
            g = step[number].double()
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
            matrix = w.ndim > 1
            update = m / (v.sqrt() + eps) + (decay * w if matrix else 0.0)
            ratio = min(w.norm().item(), 10.0) / (update.norm().item() + eps) if matrix else 1.0
            w = w - lr * ratio * update
        result.append(w)
    return result


@pytest.mark.parametrize("type_", ["adamw", "lamb"])
def test_a_step_counts_as_a_change_of_the_weights(type_: str) -> None:
    if type_ == "lamb":
        pytest.importorskip("pytorch_optimizer")
    layer = nn.Linear(3, 5)
    optimizer = build_optimizer(layer, OptimizerConfig.parse({"type": type_}, "optimizer"))
    layer(torch.ones(2, 3)).sum().backward()
    before = [parameter._version for parameter in layer.parameters()]
    optimizer.step()
    assert all(parameter._version > old for parameter, old in zip(layer.parameters(), before, strict=True))


def test_lamb_is_that_of_the_paper() -> None:
    generator = torch.Generator().manual_seed(3)
    model = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 3))
    first: nn.Parameter = next(model.parameters())
    with torch.no_grad():
        first.normal_(0.0, 4.0, generator=generator)  # longer than the paper's bound of 10
    before = [parameter.detach().clone() for parameter in model.parameters()]
    config = OptimizerConfig.parse({"type": "lamb", "lr": 0.01, "betas": [0.9, 0.99], "weight_decay": 0.1}, "x")
    optimizer = build_optimizer(model, config)
    gradients = [[torch.randn(w.shape, generator=generator) for w in before] for _ in range(5)]
    for step in gradients:
        for parameter, gradient in zip(model.parameters(), step, strict=True):
            parameter.grad = gradient.clone()
        optimizer.step()
    assert before[0].norm() > 10
    for parameter, expected in zip(model.parameters(), lamb_by_the_paper(before, gradients, 0.1), strict=True):
        torch.testing.assert_close(parameter.double(), expected, rtol=1e-5, atol=1e-6)


def test_lamb_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer.optimizer.lamb", None)
    with pytest.raises(UserError, match=r'needs the package pytorch-optimizer; pip install "encodery\[lamb\]"'):
        build_optimizer(nn.Linear(3, 2), OptimizerConfig(type="lamb"))
