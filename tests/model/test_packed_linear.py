"""Packed layers give what the layers give, for as long as these stay as they are."""

import gc
import weakref

import pytest
import torch
from torch import Tensor, nn

from encodery.model import packed_linear
from encodery.model.lora import LoraLinear, Parts, add_lora
from encodery.model.packed_linear import PackedLinear, packed

needs_kernel = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this PyTorch has no oneDNN"
)


class Tied(nn.Module):
    """Two layers, one tied to a table, one without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(37, 13)
        self.inner = nn.Sequential(nn.Linear(13, 13, bias=False), nn.LayerNorm(13))
        self.out = nn.Linear(13, 37)
        self.out.weight = self.table.weight
        self.register_buffer("scale", torch.tensor(1.5))

    def forward(self, ids: Tensor) -> Tensor:
        out: Tensor = self.out(self.inner(self.table(ids)) * self.get_buffer("scale"))
        return out


@pytest.fixture
def module() -> Tied:
    torch.manual_seed(3)
    return Tied()


IDS = torch.arange(37)


@needs_kernel
@pytest.mark.parametrize("rows", [1, 5, 37])
@torch.no_grad()
def test_outputs_are_those_of_the_layers(module: Tied, rows: int) -> None:
    twin = packed(module)
    assert isinstance(twin.out, PackedLinear)
    torch.testing.assert_close(twin(IDS[:rows]), module(IDS[:rows]), atol=1e-6, rtol=1e-6)


@needs_kernel
def test_all_but_the_packed_weights_is_shared(module: Tied) -> None:
    twin = packed(module)
    assert isinstance(module.out, nn.Linear)
    assert twin.table.weight is module.table.weight
    assert twin.get_buffer("scale") is module.get_buffer("scale")
    assert type(twin) is Tied


@needs_kernel
@torch.no_grad()
def test_it_is_packed_once_and_anew_when_a_weight_has_changed(module: Tied) -> None:
    first = packed(module)
    assert packed(module) is first
    module.table.weight.mul_(2.0)
    second = packed(module)
    assert second is not first
    torch.testing.assert_close(second(IDS), module(IDS), atol=1e-5, rtol=1e-5)
    module.out.bias = nn.Parameter(torch.ones(37))
    torch.testing.assert_close(packed(module)(IDS), module(IDS), atol=1e-5, rtol=1e-5)


@needs_kernel
def test_an_optimizer_step_is_a_change(module: Tied) -> None:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    before = packed(module)
    module(IDS).sum().backward()
    optimizer.step()
    assert packed(module) is not before
    with torch.no_grad():
        torch.testing.assert_close(packed(module)(IDS), module(IDS), atol=1e-5, rtol=1e-5)


@needs_kernel
@torch.no_grad()
def test_under_autocast_products_are_short(module: Tied) -> None:
    exact = packed(module)
    if not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("this processor multiplies no bfloat16")
    with torch.autocast("cpu", torch.bfloat16):
        twin = packed(module)
        found, expected = twin(IDS), module(IDS)
    assert twin is not exact
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0.05)


@needs_kernel
def test_what_is_packed_goes_with_the_module() -> None:
    module = Tied()
    twin = weakref.ref(packed(module))
    assert twin() is not None
    del module
    gc.collect()
    assert twin() is None


@needs_kernel
def test_a_layer_with_an_adapter_stays_as_it_is(module: Tied) -> None:
    add_lora(module, {"inner.0": Parts((0,), 1)}, (), 3, 2.0, 0.0, seed=1)
    layer = module.inner[0]
    assert isinstance(layer, LoraLinear)
    with torch.no_grad():
        layer.lora_b.fill_(0.5)
        twin = packed(module)
        torch.testing.assert_close(twin(IDS), module(IDS), atol=1e-6, rtol=1e-6)
    assert isinstance(twin.inner[0], LoraLinear)
    assert isinstance(twin.out, PackedLinear)


def test_where_there_is_no_kernel_the_module_is_taken_as_it_is(module: Tied, monkeypatch: pytest.MonkeyPatch) -> None:
    assert packed(module.double()) is module
    monkeypatch.setattr(packed_linear, "_OPS", object())
    assert packed(module.float()) is module
