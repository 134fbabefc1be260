"""Rotary positions (Su et al. 2021, 3.2.2): queries and keys are turned by an angle that grows with their position,
so that a score depends on how far apart two tokens are. Halves of a head are paired, as `transformers` has it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Rotation:
    """Cosine and sine of each token's angles, one for each pair of a head's numbers; float32 whatever the model."""

    cos: Float[Tensor, "tokens pairs"]
    sin: Float[Tensor, "tokens pairs"]


def rotations(
    position_ids: Int[Tensor, " tokens"], head_dim: int, thetas: Iterable[float]
) -> Mapping[float, Rotation]:
    """The rotation of each base. A function of the positions alone: made once, used by all layers."""
    exponent = torch.arange(0, head_dim, 2, device=position_ids.device).float() / head_dim
    made = {}
    for theta in set(thetas):
        angle = position_ids[:, None].float() * (1.0 / theta**exponent)
        made[theta] = Rotation(angle.cos(), angle.sin())
    return made


def rotate(
    qkv: Float[Tensor, "tokens three_hidden"], rotation: Rotation, num_heads: int
) -> Float[Tensor, "tokens three_hidden"]:
    """Queries and keys turned, values as they are; computed in float32 at least, returned in the dtype of `qkv`."""
    parts = qkv.view(qkv.shape[0], 3, num_heads, 2, -1)
    first, second = parts[:, :2].unbind(3)
    cos, sin = rotation.cos[:, None, None], rotation.sin[:, None, None]
    turned = torch.stack([first * cos - second * sin, second * cos + first * sin], 3)
    return torch.cat([turned.to(qkv.dtype), parts[:, 2:]], 1).view_as(qkv)
