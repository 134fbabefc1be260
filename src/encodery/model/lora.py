"""Low-rank adaptation (Hu et al. 2021, "LoRA", section 4.1): a weight stays as it is, the product of two thin
matrices is learned beside it and added to it in the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from encodery.model.dropout import dropout


@dataclass(frozen=True)
class Parts:
    """Which of the parts of a joined weight, stacked along its outputs, are adapted; of a plain one its only part."""

    chosen: tuple[int, ...] = (0,)
    count: int = 1


class LoraLinear(nn.Linear):
    """A linear layer and its adapter, for some or all of the parts that its weight is joined from."""

    def __init__(self, base: nn.Linear, parts: Parts, r: int, alpha: float, dropout_prob: float) -> None:
        """Takes over the weight and bias of `base`, which are no longer trained; the adapter is not drawn yet."""
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
        self.weight, self.bias = base.weight.requires_grad_(False), base.bias
        if self.bias is not None:
            self.bias.requires_grad_(False)
        self.parts, self.r, self.scale, self.dropout_prob = parts, r, alpha / r, dropout_prob
        rows = base.out_features // parts.count
        self.lora_a = nn.Parameter(base.weight.new_empty(len(parts.chosen), r, base.in_features))
        self.lora_b = nn.Parameter(base.weight.new_zeros(len(parts.chosen), rows, r))

    def draw(self, generator: torch.Generator) -> None:
        """A as `peft` draws it (Kaiming, uniform), B zero: the layer still computes what it did."""
        bound = self.in_features**-0.5
        with torch.no_grad():
            self.lora_a.uniform_(-bound, bound, generator=generator)
            self.lora_b.zero_()

    def forward(self, x: Float[Tensor, "*rows inputs"]) -> Float[Tensor, "*rows outputs"]:
        out = F.linear(x, self.weight, self.bias)
        seen = dropout(x, self.dropout_prob) if self.training else x
        thin = F.linear(seen, self.lora_a.flatten(0, 1)).chunk(len(self.parts.chosen), -1)
        pieces = list(out.chunk(self.parts.count, -1))
        for part, low, b in zip(self.parts.chosen, thin, self.lora_b, strict=True):
            pieces[part] = pieces[part] + self.scale * F.linear(low, b)
        return torch.cat(pieces, -1) if len(pieces) > 1 else pieces[0]

    def merged(self) -> nn.Linear:
        """A plain layer that computes the same; the weight is changed in place."""
        with torch.no_grad():
            chunks = self.weight.chunk(self.parts.count)
            for part, a, b in zip(self.parts.chosen, self.lora_a, self.lora_b, strict=True):
                chunks[part].add_(b @ a, alpha=self.scale)
        plain = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device="meta")
        plain.weight, plain.bias = self.weight.requires_grad_(True), self.bias
        if plain.bias is not None:
            plain.bias.requires_grad_(True)
        return plain


def add_lora(
    model: nn.Module,
    targets: Mapping[str, Parts],
    frozen: Sequence[nn.Module],
    r: int,
    alpha: float,
    p: float,
    seed: int,
) -> None:
    """Give the linear layers of these names an adapter, drawn with `seed`, and train nothing else of `frozen`."""
    for part in frozen:
        part.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, parts in targets.items():
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        adapted = LoraLinear(layer, parts, r, alpha, p)
        adapted.draw(generator)
        _put(model, name, adapted)


def merge_lora(model: nn.Module) -> None:
    """Add every adapter to its weight; the model is as it was built, and all of it can be trained again."""
    for name, layer in [*model.named_modules()]:
        if isinstance(layer, LoraLinear):
            _put(model, name, layer.merged())
    model.requires_grad_(True)


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)
