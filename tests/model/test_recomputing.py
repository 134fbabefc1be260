"""Activation checkpointing: the same loss and gradients to the bit, far fewer bytes kept for the backward pass."""

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from encodery.model.config import EncoderConfig
from encodery.model.heads import Model
from tests.model.conftest import TINY, make_batch, make_model
from tests.model.test_encoder import MODERN, PRE

DEEP = TINY.model_copy(
    update={"num_hidden_layers": 5, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.2}
)


def model_of(config: EncoderConfig, recomputing: bool) -> Model:
    model = make_model(config, heads=("sequence",), num_labels=3).train()
    model.encoder.activation_checkpointing = recomputing
    return model


def step(model: Model, precision: torch.dtype = torch.float32) -> tuple[Tensor, dict[str, Tensor], int]:
    """The loss, the gradients, and the bytes that the forward pass left for the backward pass."""
    kept: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    torch.manual_seed(11)
    batch = make_batch(model.config)
    bf16 = precision == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16), saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model.logits("sequence", batch).float().square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return loss.detach(), gradients, sum(kept.values())


@pytest.mark.parametrize("changes", [{}, PRE, MODERN], ids=["post", "pre", "modern"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_loss_and_gradients_are_the_same_bits(changes: dict[str, object], precision: torch.dtype) -> None:
    """With dropout, whose masks are drawn again as they were."""
    config = DEEP.model_copy(update=changes)
    plain, recomputed = (step(model_of(config, recomputing), precision) for recomputing in (False, True))
    assert torch.equal(plain[0], recomputed[0])
    assert plain[1].keys() == recomputed[1].keys()
    assert all(torch.equal(plain[1][name], recomputed[1][name]) for name in plain[1])
    assert recomputed[2] < 0.5 * plain[2]


def test_memory_grows_by_one_tensor_a_layer() -> None:
    """What is kept is a layer's input alone, whatever the layer computes."""
    shallow, deep = (
        step(model_of(DEEP.model_copy(update={"num_hidden_layers": layers}), True))[2] for layers in (2, 7)
    )
    tokens = make_batch(DEEP).num_tokens
    assert deep - shallow == 5 * tokens * DEEP.hidden_size * 4


def test_the_draws_that_follow_are_the_same() -> None:
    """Computing layers again must not move the generator on: the next dropout would be another."""
    after = []
    for recomputing in (False, True):
        step(model_of(DEEP, recomputing))
        after.append(torch.rand(3))
    assert torch.equal(*after)


def test_prediction_keeps_nothing_to_recompute() -> None:
    model = model_of(DEEP, True).eval()
    with torch.inference_mode():
        expected = model_of(DEEP, False).eval().logits("sequence", make_batch(DEEP))
        assert torch.equal(model.logits("sequence", make_batch(DEEP)), expected)
