"""What objectives share that ask for tokens: which rows they read, and cross entropy through the head over the
vocabulary."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch, LossOutput
from encodery.model.heads import Model


@runtime_checkable
class Scorer(Protocol):
    """One term of a loss."""

    def rows(self, batch: Batch) -> Int[Tensor, " rows"]:
        """The tokens whose hidden states the term reads."""

    def loss(
        self, model: Model, hidden: Float[Tensor, "rows hidden"], batch: Batch
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """The loss summed over what is scored, and how much of it is told right."""


class ScoredTokens:
    """Scores how well the tokens of `Batch.label_index` are told."""

    name: ClassVar[str]
    """The objective's name, in recipes, batches and metrics."""
    causal: ClassVar[bool] = False
    """Whether its batches look back only."""

    @property
    def hides_words(self) -> bool:
        """Whether the text must say where sentences begin, as words do there, too."""
        return False

    def rows(self, batch: Batch) -> Int[Tensor, " scored"]:
        """The tokens whose hidden states the loss reads."""
        assert batch.label_index is not None
        return batch.label_index

    def loss(
        self, model: Model, hidden: Float[Tensor, "scored hidden"], batch: Batch
    ) -> tuple[Float[Tensor, ""], Int[Tensor, ""]]:
        """Cross-entropy summed over the scored tokens, and how many of them are guessed right."""
        assert batch.labels is not None
        head: Any = model.heads["mlm"]
        loss_sum, num_correct = head.loss(hidden, batch.labels)
        return loss_sum, num_correct


def score(model: Model, batch: Batch, scorers: Mapping[str, Scorer], counts: Mapping[str, int]) -> LossOutput:
    """The terms of a batch from one pass of the encoder, which computes the rows alone that they read."""
    rows = [scorer.rows(batch) for scorer in scorers.values()]
    hidden = model.encoder(batch, torch.cat(rows)).split([len(part) for part in rows])
    terms = {name: scorers[name].loss(model, part, batch) for name, part in zip(scorers, hidden, strict=True)}
    metrics = {}
    for name, count in counts.items():
        loss_sum, num_correct = terms[name]
        metrics[f"{name}_loss"] = (float(loss_sum.detach()), float(count))
        metrics[f"{name}_accuracy"] = (float(num_correct), float(count))
    return LossOutput({name: loss_sum for name, (loss_sum, _) in terms.items()}, metrics)
