"""Losses over pairs of texts: what makes the vectors of texts that belong together alike.

| `loss` | learns from | of each step |
|---|---|---|
| `contrastive` | pairs that belong together | each text finds its pair among those of all others (InfoNCE) |
| `cosent` | pairs with numbers on any scale | a pair with a larger number is more alike than one with a smaller |
| `cosine-mse` | pairs with numbers | the cosine is the number, brought to 0 to 1 by the range of the training data |

The first two compare all pairs of a step with each other, so what they are depends on which pairs these are: those of
the whole step, a function of (seed, step), never of a piece of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.tasks.pairs import Pairs
from encodery.tasks.problems import Number

LossName = Literal["contrastive", "cosent", "cosine-mse"]
Metrics = dict[str, tuple[float, float]]


@runtime_checkable
class PairLoss(Protocol):
    """A loss over the pairs of a step."""

    name: ClassVar[LossName]

    def count(self, num_pairs: int) -> float:
        """What the loss is divided by for a mean."""

    def __call__(self, pairs: Pairs) -> tuple[Float[Tensor, ""], Metrics]:
        """The loss, not yet divided, and metrics as (sum, count)."""


@dataclass(frozen=True)
class Contrastive:
    """Each first text must find its second among those of the step: cross entropy over cosines / temperature.

    Henderson et al. 2017, "Efficient natural language response suggestion", section 4.4 (multiple negatives ranking);
    InfoNCE (van den Oord et al. 2018, section 2.3). Another pair's text is no negative where one of the two pairs has
    a text of the other: it may belong to both.
    """

    temperature: float = 0.05
    symmetric: bool = False
    """Each second text must find its first, too; the loss is the mean of both."""
    name: ClassVar[LossName] = "contrastive"

    def count(self, num_pairs: int) -> float:
        return float(num_pairs)

    def __call__(self, pairs: Pairs) -> tuple[Float[Tensor, ""], Metrics]:
        logits = (pairs.first @ pairs.second.T / self.temperature).masked_fill(related(pairs.text_ids), -torch.inf)
        targets = torch.arange(len(logits), device=logits.device)
        loss = F.cross_entropy(logits, targets, reduction="sum")
        if self.symmetric:
            loss = (loss + F.cross_entropy(logits.T, targets, reduction="sum")) / 2
        count = float(len(logits))
        hits = float((logits.argmax(-1) == targets).sum())
        return loss, {"loss": (loss.item(), count), "in_batch_accuracy": (hits, count)}


@dataclass(frozen=True)
class CoSENT:
    """log(1 + sum of exp((cos_j - cos_i) / temperature) over all i, j where the number of i is larger).

    Su 2022, "CoSENT", https://kexue.fm/archives/8847. One number for a step: it only asks for the order.
    """

    temperature: float = 0.05
    name: ClassVar[LossName] = "cosent"

    def count(self, num_pairs: int) -> float:
        return 1.0

    def __call__(self, pairs: Pairs) -> tuple[Float[Tensor, ""], Metrics]:
        excess = (pairs.cosines[None, :] - pairs.cosines[:, None]) / self.temperature
        ordered = pairs.numbers[:, None] > pairs.numbers[None, :]
        loss = torch.cat([excess.new_zeros(1), excess[ordered]]).logsumexp(0)
        return loss, {"loss": (loss.item(), 1.0)}


@dataclass(frozen=True)
class CosineMSE:
    """The squared difference of the cosine and the number, after `low` became 0 and `high` 1.

    Reimers and Gurevych 2019, "Sentence-BERT", section 3 (regression objective function).
    """

    low: float = 0.0
    high: float = 1.0
    name: ClassVar[LossName] = "cosine-mse"

    def count(self, num_pairs: int) -> float:
        return float(num_pairs)

    def __call__(self, pairs: Pairs) -> tuple[Float[Tensor, ""], Metrics]:
        targets = (pairs.numbers - self.low) / (self.high - self.low)
        loss = F.mse_loss(pairs.cosines, targets, reduction="sum")
        return loss, {"loss": (loss.item(), float(len(targets)))}


def related(text_ids: Int[Tensor, "pairs 2"]) -> Bool[Tensor, "pairs pairs"]:
    """Which pairs, other than a pair itself, are no negatives of it: those that have a text in common with it."""
    shared = (text_ids[:, None, :, None] == text_ids[None, :, None, :]).flatten(2).any(-1)
    return shared & ~torch.eye(len(text_ids), dtype=torch.bool, device=text_ids.device)


def similarity_of(example: Example) -> float | None:
    """The number of a labelled pair; None where it has none.

    Raises:
        UserError: the label is no number; names the file and line.
    """
    if example.label is None:
        return None
    try:
        return Number(("similarity",)).read(example.label, example.source)
    except UserError:
        raise UserError(
            f"{example.source}: label = {example.label!r:.80}; how similar a pair is, is a finite number; of pairs "
            "that simply belong together leave the label out"
        ) from None


def learn_loss(name: LossName | None, temperature: float, symmetric: bool, train: Sequence[Example]) -> PairLoss:
    """The loss that a recipe names, else the one that the training pairs are for.

    Raises:
        UserError: the pairs are not for it; begins with the file and line of one that is not.
    """
    numbers = [similarity_of(example) for example in train]
    name = name or ("contrastive" if all(number is None for number in numbers) else "cosent")
    if name == "contrastive":
        for example, number in zip(train, numbers, strict=True):
            if number is not None:
                raise UserError(
                    f"{example.source}: label = {number:g}, but the contrastive loss learns from pairs that belong "
                    'together; keep those, without label, or set task.loss = "cosent"'
                )
        return Contrastive(temperature, symmetric)
    given = [number for number in numbers if number is not None]
    if len(given) < len(train):
        source = next(example.source for example, number in zip(train, numbers, strict=True) if number is None)
        raise UserError(f"{source}: label is missing; {name} needs a number for every pair")
    low, high = min(given), max(given)
    if low == high:
        raise UserError(f"{train[0].source}: every pair has the label {low:g}; {name} needs different numbers")
    return CoSENT(temperature) if name == "cosent" else CosineMSE(low, high)
