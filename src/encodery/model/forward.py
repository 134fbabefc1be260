"""What a task asks of a model when it predicts: met by `Model`, and by every engine that a model was exported to."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch
from encodery.model.search import GenerationConfig, Hypothesis, Targets


@runtime_checkable
class Forward(Protocol):
    """Packed tokens in, numbers for rows of them out."""

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        """Last hidden states of all tokens, or of `rows` alone."""

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        """What a head says of each token (of `rows` alone where they are given), or of each sequence where it reads
        the first token or the mean of all."""


@runtime_checkable
class Generating(Protocol):
    """A `Forward` whose model has a decoder."""

    def generate(self, source: Batch, targets: Targets, config: GenerationConfig) -> list[list[Hypothesis]]:
        """The best translations of every source, best first."""
