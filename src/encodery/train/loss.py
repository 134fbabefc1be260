"""What the trainer sees of an objective or a task: sums over a batch, and means of them taken once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from encodery.batch import Batch, LossOutput
from encodery.model.heads import Model
from encodery.train.distributed import Ranks


@runtime_checkable
class Loss(Protocol):
    """An objective or a task, as far as training is concerned."""

    def counts(self, batch: Batch) -> Mapping[str, int | float]:
        """How many items each loss term scores, or what they weigh where they do not weigh the same."""

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Each term's loss, summed over the items it scores."""


@runtime_checkable
class Prepares(Protocol):
    """A loss for which the model itself, as it is at the step, finishes each batch."""

    def prepare(self, model: Model, batch: Batch, ranks: Ranks) -> Batch:
        """The whole batch of a step as it is trained on: a function of the weights and the batch, without gradients.
        It is called once a step, by all of `ranks` with the whole batch; they may share the work."""


@dataclass
class Sums:
    """Sums of metrics, with tokens and seconds; means are taken once, when they are asked for."""

    metrics: dict[str, tuple[float, float]] = field(default_factory=dict)
    tokens: int = 0
    seconds: float = 0.0

    def add(self, metrics: Mapping[str, tuple[float, float]]) -> None:
        for name, (total, count) in metrics.items():
            before = self.metrics.get(name, (0.0, 0.0))
            self.metrics[name] = (before[0] + total, before[1] + count)

    def over(self, ranks: Ranks) -> "Sums":
        """The metrics of all ranks together; tokens and seconds are those of whole steps already."""
        together = Sums(tokens=self.tokens, seconds=self.seconds)
        for metrics in ranks.gather({name: list(pair) for name, pair in self.metrics.items()}):
            together.add({name: (pair[0], pair[1]) for name, pair in metrics.items()})
        return together

    def means(self) -> dict[str, float]:
        return {name: total / count for name, (total, count) in self.metrics.items() if count}


def mean_metrics(loss: Loss, model: Model, batches: Iterable[Batch]) -> dict[str, float]:
    """An objective's metrics over held-out batches, each mean taken once, over all of them."""
    device = next(model.parameters()).device
    sums = Sums()
    for batch in batches:
        sums.add(loss.loss(model, batch.to(device)).metrics)
    return sums.means()
