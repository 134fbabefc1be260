"""How the ranks hold a model together: each a slice of every weight (`parallel = "fsdp"`).

FSDP2 (Zhao et al. 2023, "PyTorch FSDP: experiences on scaling fully sharded data parallel", 3): a layer's weights are
brought together just before they are used and let go afterwards; gradients and the optimizer's state stay in slices.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from encodery.model.heads import Model
from encodery.train.distributed import Ranks
from encodery.train.loss import Loss
from encodery.train.replicas import LossModule, Metrics
from encodery.train.shares import Piece


class Slices:
    """A model in slices, of the first rank's weights.

    The model that was given is left alone on the first rank, which evaluates and saves it; it holds the trained
    weights after `complete`.
    """

    def __init__(self, model: Model, loss: Loss, ranks: Ranks, precision: str) -> None:
        self._model = model
        self._ranks = ranks
        for tensor in (*model.parameters(), *model.buffers()):
            dist.broadcast(tensor.detach(), 0)
        self.trained = copy.deepcopy(model) if ranks.is_first else model
        """Whose weights are trained."""
        mesh = init_device_mesh(next(model.parameters()).device.type, (ranks.world_size,))
        # autocast decides what is computed in bf16; this, how weights travel and gradients are summed
        policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if precision == "bf16" else None,
            reduce_dtype=torch.float32,
            cast_forward_inputs=False,
        )
        for layer in self.trained.encoder.layers:
            fully_shard(layer, mesh=mesh, mp_policy=policy)
        self._module: Any = fully_shard(LossModule(self.trained, loss), mesh=mesh, mp_policy=policy)
        for part in (*self.trained.encoder.layers, self._module):
            part.set_gradient_divide_factor(1.0)  # summed: losses are divided by the counts of all ranks
            part.set_force_sum_reduction_for_comms(True)  # gloo knows no other
        self._module.set_reduce_scatter_unused_params(True)

    def __call__(self, piece: Piece, counts: Mapping[str, int | float]) -> tuple[Tensor, Metrics]:
        """See `LossModule.forward`."""
        result: tuple[Tensor, Metrics] = self._module(piece, counts)
        return result

    @contextmanager
    def reducing(self, wanted: bool) -> Iterator[None]:
        """Inside, a backward pass sums the gradients over the ranks, or leaves that to a later one."""
        self._module.set_requires_gradient_sync(wanted)
        yield
        if wanted:
            self._forget_unused()

    def _forget_unused(self) -> None:
        """Take away the gradients of zeros that heads have which no rank used: the optimizer lets those be that have
        none, as it does on one rank."""
        named = self.trained.named_parameters()
        heads = [weight for name, weight in named if weight.grad is not None and not name.startswith("encoder.")]
        if not heads:
            return
        gradients = [cast(DTensor, weight.grad).to_local() for weight in heads]
        used = torch.stack([gradient.count_nonzero() for gradient in gradients])
        dist.all_reduce(used, dist.ReduceOp.MAX)
        for weight, count in zip(heads, used.tolist(), strict=True):
            if not count:
                weight.grad = None

    def complete(self) -> None:
        """Bring the weights to the model that was given, on the first rank. All ranks must call it."""
        weights = self.whole(dict(self.trained.named_parameters()))
        if self._ranks.is_first:
            with torch.no_grad():
                for name, parameter in self._model.named_parameters():
                    parameter.copy_(weights[name])

    def whole(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Tensors of the weights or the optimizer as one rank alone has them: on the first rank, on the CPU.

        Elsewhere nothing. All ranks must call it, with the same names.
        """
        gathered = {}
        for name, tensor in tensors.items():
            full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            if self._ranks.is_first:
                gathered[name] = full.detach().cpu()
        return gathered
