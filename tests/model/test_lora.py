"""A linear layer with an adapter: nothing at first, the formula afterwards, plain again when merged."""

import pytest
import torch
from torch import Tensor, nn

from encodery.model.lora import LoraLinear, Parts, add_lora, merge_lora
from tests.model.conftest import make_batch, make_model

PARTS = [Parts(), Parts((0,), 3), Parts((0, 2), 3), Parts((1,), 3), Parts((0, 1, 2), 3)]


def adapted(parts: Parts, bias: bool = True, p: float = 0.0) -> tuple[nn.Linear, LoraLinear]:
    """A layer, and a copy of it with a random adapter."""
    torch.manual_seed(3)
    base = nn.Linear(11, 21, bias=bias)
    copy = nn.Linear(11, 21, bias=bias)
    copy.load_state_dict(base.state_dict())
    layer = LoraLinear(copy, parts, 5, 8.0, p)
    layer.draw(torch.Generator().manual_seed(7))
    return base, layer


def change(layer: LoraLinear) -> Tensor:
    """What the adapter adds to the weight, written out."""
    rows = layer.out_features // layer.parts.count
    total = torch.zeros(layer.out_features, layer.in_features)
    for place, part in enumerate(layer.parts.chosen):
        product = layer.lora_b[place] @ layer.lora_a[place]
        total[part * rows : (part + 1) * rows] = product * 8.0 / 5
    return total.detach()


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("bias", [True, False])
def test_it_adds_a_product_of_two_thin_matrices(parts: Parts, bias: bool) -> None:
    base, layer = adapted(parts, bias)
    x = torch.randn(13, 11)
    assert torch.equal(layer(x), base(x))  # B is zero at first
    with torch.no_grad():
        layer.lora_b.normal_()
    expected = nn.functional.linear(x, base.weight + change(layer), base.bias)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(layer.weight, base.weight)
    plain = layer.merged()
    assert type(plain) is nn.Linear
    torch.testing.assert_close(plain(x), expected, atol=1e-5, rtol=1e-5)


def test_what_is_not_chosen_keeps_its_output() -> None:
    base, layer = adapted(Parts((0, 2), 3))
    with torch.no_grad():
        layer.lora_b.normal_()
    x = torch.randn(13, 11)
    for part, same in enumerate((False, True, False)):
        assert torch.equal(layer(x).chunk(3, -1)[part], base(x).chunk(3, -1)[part]) is same


def test_dropout_is_for_the_adapter_and_for_training() -> None:
    base, layer = adapted(Parts(), p=0.5)
    x = torch.randn(13, 11)
    assert torch.equal(layer.train()(x), base(x))  # the frozen weight sees all of x
    with torch.no_grad():
        layer.lora_b.normal_()
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_the_draw_is_that_of_its_seed() -> None:
    _, first = adapted(Parts((0, 2), 3))
    _, second = adapted(Parts((0, 2), 3))
    assert torch.equal(first.lora_a, second.lora_a)
    assert first.lora_a.abs().max() <= 11**-0.5
    assert first.lora_a.std().item() == pytest.approx(11**-0.5 / 3**0.5, rel=0.2)
    assert not torch.equal(first.lora_a[0], first.lora_a[1])


def test_a_model_trains_its_adapters_and_heads_and_is_plain_again_when_merged() -> None:
    model = make_model(heads=("sequence",), num_labels=3)
    batch = make_batch(model.config)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    logits = model.logits("sequence", batch)
    targets = {"encoder.layers.0.attention.qkv": Parts((0, 2), 3), "encoder.layers.1.mlp.up": Parts()}
    add_lora(model, targets, (model.encoder,), r=5, alpha=8.0, p=0.0, seed=3)
    assert torch.equal(model.logits("sequence", batch), logits)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {f"{name}.lora_{kind}" for name in targets for kind in "ab"} | {
        "pooler.dense.weight", "pooler.dense.bias", "heads.sequence.out.weight", "heads.sequence.out.bias",
    }  # fmt: skip
    model.logits("sequence", batch).square().sum().backward()  # type: ignore[no-untyped-call]
    assert {name for name, parameter in model.named_parameters() if parameter.grad is not None} == trained
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, LoraLinear):
                layer.lora_b.normal_()
    changed = model.logits("sequence", batch)
    merge_lora(model)
    assert not [layer for layer in model.modules() if isinstance(layer, LoraLinear)]
    torch.testing.assert_close(model.logits("sequence", batch), changed, atol=1e-4, rtol=1e-4)
    after = model.state_dict()
    assert after.keys() == before.keys()
    differs = {name for name in after if not torch.equal(after[name], before[name])}
    assert differs == {f"{name}.weight" for name in targets}
    assert all(parameter.requires_grad for parameter in model.parameters())
