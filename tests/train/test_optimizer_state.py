from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from encodery.errors import UserError
from encodery.train.checkpoint import latest_checkpoint, save_checkpoint
from encodery.train.optim import OptimizerConfig, build_optimizer
from encodery.train.optimizer_state import load_optimizer_tensors, optimizer_tensors


class Net(nn.Module):
    """Two trained layers in two groups, one tensor that never gets a gradient, one that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 7)
        self.second = nn.Linear(7, 3)
        self.unused = nn.Parameter(torch.ones(2))
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)


def adamw(net: Net, **options: Any) -> torch.optim.AdamW:
    rest = [*net.second.parameters(), net.unused]
    groups = [{"params": [*net.first.parameters()], "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.01, **options)


def lamb(net: Net) -> torch.optim.Optimizer:
    pytest.importorskip("pytorch_optimizer")
    return build_optimizer(net, OptimizerConfig(type="lamb", lr=0.01, weight_decay=0.1))


def train(net: Net, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        inputs = torch.randn(11, 5, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        net.second(net.first(inputs).tanh()).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize(
    "make",
    [adamw, partial(adamw, fused=True), partial(adamw, foreach=True), partial(adamw, amsgrad=True), lamb],
    ids=["adamw", "fused", "foreach", "amsgrad", "lamb"],
)
def test_training_goes_on_bit_for_bit(tmp_path: Path, make: Callable[[Net], torch.optim.Optimizer]) -> None:
    torch.manual_seed(0)
    net = Net()
    optimizer = make(net)
    train(net, optimizer, range(3))
    save_checkpoint(tmp_path, 3, net.state_dict(), optimizer_tensors(optimizer, net.named_parameters()), {})
    train(net, optimizer, range(3, 8))

    checkpoint = latest_checkpoint(tmp_path, pytest.fail)
    assert checkpoint is not None
    model, tensors, _ = checkpoint.load()
    resumed = Net()
    resumed.load_state_dict(model)
    again = make(resumed)
    load_optimizer_tensors(again, resumed.named_parameters(), tensors)
    train(resumed, again, range(3, 8))

    assert all(torch.equal(resumed.state_dict()[name], value) for name, value in net.state_dict().items())
    ours = optimizer_tensors(again, resumed.named_parameters())
    theirs = optimizer_tensors(optimizer, net.named_parameters())
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) and ours[name].dtype == theirs[name].dtype for name in ours)


def test_optimizer_tensors_are_named_after_parameters() -> None:
    net = Net()
    optimizer = adamw(net)
    assert optimizer_tensors(optimizer, net.named_parameters()) == {}
    train(net, optimizer, range(2))
    tensors = optimizer_tensors(optimizer, net.named_parameters())
    owners = ["first.weight", "first.bias", "second.weight", "second.bias"]
    assert sorted(tensors) == sorted(f"{key}.{name}" for key in ("step", "exp_avg", "exp_avg_sq") for name in owners)
    assert tensors["step.first.bias"].item() == 2
    assert tensors["exp_avg_sq.second.weight"].shape == (3, 7)


def test_loaded_tensors_are_copies_in_the_layout_of_the_parameter() -> None:
    parameter = nn.Parameter(torch.zeros(3, 5).T)
    optimizer = torch.optim.AdamW([parameter])
    tensors = {"step.w": torch.tensor(2.0), "exp_avg.w": torch.randn(5, 3), "exp_avg_sq.w": torch.rand(5, 3)}
    load_optimizer_tensors(optimizer, [("w", parameter)], tensors)
    state = optimizer.state[parameter]
    assert state["exp_avg"].stride() == parameter.stride()
    assert not state["exp_avg"].requires_grad
    assert torch.equal(state["exp_avg"], tensors["exp_avg.w"])
    tensors["exp_avg_sq.w"].zero_()
    tensors["step.w"].zero_()
    assert state["exp_avg_sq"].all()
    assert state["step"] == 2


def test_loading_forgets_what_was_there() -> None:
    net = Net()
    optimizer = adamw(net)
    train(net, optimizer, range(2))
    load_optimizer_tensors(optimizer, net.named_parameters(), {})
    assert optimizer_tensors(optimizer, net.named_parameters()) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"step.third.bias": torch.tensor(1.0)},
            "optimizer state of 'third.bias': no such parameter is trained here",
        ),
        ({"step.frozen": torch.tensor(1.0)}, "optimizer state of 'frozen': no such parameter is trained here"),
        ({"step": torch.tensor(1.0)}, "optimizer state of '': no such parameter is trained here"),
        ({"exp_avg.first.bias": torch.ones(8)}, "'exp_avg': (8,), 'exp_avg_sq': (7,)} instead of {'step': (), "),
        ({"step.first.bias": torch.ones(1)}, "optimizer state of 'first.bias': {'step': (1,), "),
        ({"max_exp_avg_sq.first.bias": torch.ones(7)}, "'max_exp_avg_sq': (7,)} instead of {"),
        ({"exp_avg.unused": torch.ones(2)}, "optimizer state of 'unused': {'exp_avg': (2,)} instead of {'step': ()"),
    ],
)
def test_the_state_of_another_model_is_refused(changes: dict[str, Tensor], message: str) -> None:
    net = Net()
    optimizer = adamw(net)
    train(net, optimizer, range(2))
    before = optimizer_tensors(optimizer, net.named_parameters())
    with pytest.raises(UserError) as caught:
        load_optimizer_tensors(optimizer, net.named_parameters(), {**before, **changes})
    assert message in str(caught.value)
    assert str(caught.value).endswith(
        "; resume with the model it was saved with, or delete the checkpoints to train from the start"
    )
    after = optimizer_tensors(optimizer, net.named_parameters())
    assert all(after[name] is tensor for name, tensor in before.items())


def test_of_lamb_only_the_moments_are_kept() -> None:
    net = Net()
    optimizer = lamb(net)
    train(net, optimizer, range(2))
    assert {"weight_norm", "trust_ratio"} <= set(optimizer.state[net.first.weight])  # it keeps more, to look at
    owners = ["first.weight", "first.bias", "second.weight", "second.bias"]
    tensors = optimizer_tensors(optimizer, net.named_parameters())
    assert sorted(tensors) == sorted(f"{key}.{name}" for key in ("exp_avg", "exp_avg_sq") for name in owners)


@pytest.mark.parametrize(
    ("saved", "resumed", "message"),
    [
        (adamw, lamb, "it holds step, exp_avg, exp_avg_sq, and Lamb keeps exp_avg, exp_avg_sq"),
        (lamb, adamw, "it holds exp_avg, exp_avg_sq, and AdamW keeps step, exp_avg, exp_avg_sq"),
    ],
)
def test_the_state_of_the_other_optimizer_is_refused(
    saved: Callable[[Net], torch.optim.Optimizer], resumed: Callable[[Net], torch.optim.Optimizer], message: str
) -> None:
    net = Net()
    optimizer = saved(net)
    train(net, optimizer, range(2))
    tensors = optimizer_tensors(optimizer, net.named_parameters())
    with pytest.raises(UserError) as caught:
        load_optimizer_tensors(resumed(net), net.named_parameters(), tensors)
    assert str(caught.value) == (
        f"optimizer state of 'first.weight': {message}: it is another optimizer's; resume with the optimizer.type it "
        "was saved with, or delete the checkpoints to train from the start"
    )
