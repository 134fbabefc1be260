"""How the ranks hold a model: each a whole one, with gradients summed over all (`parallel = "ddp"`)."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from encodery.model.heads import Model
from encodery.train.distributed import Ranks
from encodery.train.loss import Loss
from encodery.train.shares import Piece

Metrics = Mapping[str, tuple[float, float]]


class LossModule(nn.Module):
    """A model and its loss as one module: DDP and FSDP2 act when a module is called."""

    def __init__(self, model: Model, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, piece: Piece, counts: Mapping[str, int | float]) -> tuple[Tensor, Metrics]:
        """A piece's part of the step's loss, each term over its count in the whole step; and sums of metrics."""
        output = self.loss.loss(self.model, piece.batch)
        total = sum((loss / counts[name] for name, loss in output.losses.items()), start=torch.zeros(()))
        if piece.own:
            return total, output.metrics
        return total * 0.0, {}


class Replica:
    """A whole model on every rank. On one that trains alone it is called as it is."""

    def __init__(self, model: Model, loss: Loss, ranks: Ranks) -> None:
        """The other ranks take over the weights of the first."""
        self.trained = model
        """Whose weights are trained."""
        self._module: nn.Module = LossModule(model, loss)
        if ranks.world_size > 1:
            self._module = _summing(self._module)

    def __call__(self, piece: Piece, counts: Mapping[str, int | float]) -> tuple[Tensor, Metrics]:
        """See `LossModule.forward`."""
        result: tuple[Tensor, Metrics] = self._module(piece, counts)
        return result

    @contextmanager
    def reducing(self, wanted: bool) -> Iterator[None]:
        """Inside, a backward pass sums the gradients over the ranks, or leaves that to a later one."""
        if wanted or not isinstance(self._module, DistributedDataParallel):
            yield
            return
        with self._module.no_sync():
            yield

    def complete(self) -> None:
        """Bring the weights to the model that was given, on the first rank: here they are there."""

    def whole(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Tensors of the weights or the optimizer as one rank alone has them."""
        return tensors


def _summing(module: nn.Module) -> DistributedDataParallel:
    """DDP that sums gradients: each rank divides its losses by the counts of all, so nothing is left to average.

    A head that a step does not use gets no gradient, as on one rank; hence `find_unused_parameters`.
    """
    # one that is never used, or PyTorch warns on every rank where the first step happens to use all
    module.register_parameter("unused", nn.Parameter(torch.zeros(1, device=next(module.parameters()).device)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # `broadcast_buffers` has another name from torch 2.13 on
        replicated = DistributedDataParallel(
            module, broadcast_buffers=False, find_unused_parameters=True, gradient_as_bucket_view=True
        )
    replicated.register_comm_hook(None, _sum)
    return replicated


# a documented name of torch.distributed, which its type hints do not export
def _sum(_: None, bucket: dist.GradBucket) -> torch.futures.Future[Tensor]:  # type: ignore[name-defined]
    future: torch.futures.Future[list[Tensor]] = dist.all_reduce(bucket.buffer(), async_op=True).get_future()
    return future.then(lambda done: done.value()[0])
