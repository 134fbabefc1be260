"""Tensors that may lie in slices on several ranks (`DTensor`), whose import is left to those who have one."""

from typing import Any

from torch import Tensor, nn


def norm_of(gradients: list[Tensor]) -> Tensor:
    """Their L2 norm, over all slices."""
    norm: Any = nn.utils.get_total_norm(gradients)
    full: Tensor = norm.full_tensor() if hasattr(norm, "full_tensor") else norm
    return full


def laid_out_as(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, the same on every rank, in slices as `like` is; as it is if that is whole."""
    if not hasattr(like, "placements"):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    here = tensor.to(like.device)
    return distribute_tensor(here, like.device_mesh, like.placements, src_data_rank=None)
