"""The strategies by which ranks train one model, and who picks one."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from torch import Tensor

from encodery.model.heads import Model
from encodery.train.config import TrainerConfig
from encodery.train.distributed import Ranks
from encodery.train.loss import Loss
from encodery.train.replicas import Metrics, Replica
from encodery.train.shares import Piece


@runtime_checkable
class Parallel(Protocol):
    """How the ranks hold a model and sum its gradients. All ranks must make the same calls in the same order."""

    trained: Model
    """Whose weights are trained."""

    def __call__(self, piece: Piece, counts: Mapping[str, int | float]) -> tuple[Tensor, Metrics]:
        """A piece's part of the step's loss, each term over its count in the whole step; and sums of metrics."""

    def reducing(self, wanted: bool) -> AbstractContextManager[None]:
        """Inside, a backward pass sums the gradients over the ranks, or leaves that to a later one."""

    def complete(self) -> None:
        """Bring the weights to the model that was given, on the first rank."""

    def whole(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Tensors of the weights or the optimizer as one rank alone has them, on the first rank."""


def parallelize(model: Model, loss: Loss, config: TrainerConfig, ranks: Ranks) -> Parallel:
    """The model as `config.parallel` has the ranks hold it; a rank that trains alone holds it as it is."""
    if config.parallel == "ddp" or ranks.world_size == 1:
        return Replica(model, loss, ranks)
    from encodery.train.sharding import Slices  # its import takes a while

    return Slices(model, loss, ranks, config.precision)
