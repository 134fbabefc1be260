"""Linear layers for many small products on the CPU: their weights lie as oneDNN's kernels read them.

A step of decoding multiplies few rows with every weight of the decoder; most of its time is then spent on bringing
weights into shape, which is here done once. In float32 a product is 1.2 to 4 times as fast, most where the rows are
few and the weight is large.
"""

import copy
from collections.abc import Iterator
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)

ROWS = 64
"""For so many rows the layout is chosen; measured, it is as good for fewer and for more."""
_OPS: Any = torch.ops.mkldnn
_PACKED: WeakKeyDictionary[nn.Module, tuple[tuple[Any, ...], nn.Module]] = WeakKeyDictionary()


class PackedLinear(nn.Module):
    """A linear layer with a copy of its weight, which later changes of the layer do not reach."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self._weight = _OPS._reorder_linear_weight(layer.weight.detach().to(dtype), ROWS)
        self._bias = None if layer.bias is None else layer.bias.detach().to(dtype)
        self._dtype = dtype

    def forward(self, x: Float[Tensor, "rows inputs"]) -> Float[Tensor, "rows outputs"]:
        product: Tensor = _OPS._linear_pointwise(x.to(self._dtype), self._weight, self._bias, "none", [], "")
        return product


def packed(module: M) -> M:
    """The module with its linear layers packed, all else shared: only for computing without gradients, in the
    autocast dtype. Made anew where weights have changed since it was last asked for; the module itself where there is
    no such kernel.
    """
    weights = [parameter for parameter in module.parameters() if not parameter.is_inference()]
    on = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if on else next(module.parameters()).dtype
    if not _has_kernel(module, dtype) or not weights:
        return module
    # versions alone do not tell: a fused optimizer changes weights without counting
    firsts = torch.stack([weight.detach().view(-1)[0].float() for weight in weights]).tolist()
    state = (dtype, *firsts, *((weight.data_ptr(), weight._version) for weight in weights))
    held = _PACKED.get(module)
    if held is None or held[0] != state:
        held = state, _pack(module, dtype)
        _PACKED[module] = held
    return cast(M, held[1])


def _has_kernel(module: nn.Module, dtype: torch.dtype) -> bool:
    on_cpu = all(parameter.device.type == "cpu" for parameter in module.parameters())
    known = dtype == torch.float32 or (dtype == torch.bfloat16 and torch.cpu._is_avx512_bf16_supported())
    return on_cpu and known and hasattr(_OPS, "_linear_pointwise")


def _pack(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy of the structure that shares every parameter, with its linear layers replaced."""
    shared = {id(tensor): tensor for tensor in _tensors(module)}
    twin = copy.deepcopy(module, cast(dict[int, Any], shared))
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:  # one with an adapter computes more than its weight says
                setattr(parent, name, PackedLinear(child, dtype))
    return twin


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()
