"""Losses that make more of some classes and of what is hard: class weights and the focal loss.

Lin et al. 2017, "Focal loss for dense object detection", section 3: an example whose truth has probability p already
counts (1 - p)^gamma. gamma = 0 is cross entropy, bit for bit that of PyTorch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from encodery.families.stated import ProblemType

TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Emphasis:
    """What a loss makes more of."""

    weights: tuple[float, ...] | None = None
    """One for each output: of several classes how much each counts, of sigmoids how much each one's positives do."""
    gamma: float = 0.0
    """How much less the sure ones count; 0: no less."""


EVEN = Emphasis()
"""Everything counts the same."""


def cross_entropy(
    logits: Float[Tensor, "texts outputs"], targets: Int[Tensor, " texts"], emphasis: Emphasis
) -> Float[Tensor, ""]:
    """Weighted focal cross entropy of a softmax, summed over the texts. Its mean is over `weight_of` the targets."""
    weights = None if emphasis.weights is None else logits.new_tensor(emphasis.weights)
    if not emphasis.gamma:
        return F.cross_entropy(logits, targets, weights, reduction="sum")
    log_p = F.log_softmax(logits, -1).gather(1, targets[:, None])[:, 0]
    losses = -log_p * _unsure(log_p, emphasis.gamma)
    return (losses if weights is None else losses * weights[targets]).sum()


def weight_of(targets: Int[Tensor, " texts"], emphasis: Emphasis) -> float:
    """What the targets weigh together: their number, or the sum of their classes' weights, as in PyTorch's mean."""
    if emphasis.weights is None:
        return float(len(targets))
    return float(torch.tensor(emphasis.weights, dtype=torch.float64)[targets.cpu()].sum())


def binary_cross_entropy(
    logits: Float[Tensor, "texts outputs"], targets: Float[Tensor, "texts outputs"], emphasis: Emphasis
) -> Float[Tensor, ""]:
    """Focal cross entropy of each sigmoid, positives weighted, mean over the outputs and sum over the texts."""
    weights = None if emphasis.weights is None else logits.new_tensor(emphasis.weights)
    losses = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
    if emphasis.gamma:
        losses = losses * _unsure(F.logsigmoid(logits * (2 * targets - 1)), emphasis.gamma)
    return losses.mean(-1).sum()


def _unsure(log_p: Float[Tensor, "*shape"], gamma: float) -> Float[Tensor, "*shape"]:
    """(1 - p)^gamma of the truth's log probability, without the loss of digits near p = 1.

    The slope of a power below 1 is infinite at 0: there it is cut off, as the loss is 0 anyway.
    """
    return (-torch.expm1(log_p)).clamp_min(TINY) ** gamma


def yes_or_no(logits: Float[Tensor, "texts outputs"]) -> Float[Tensor, "decisions 2"]:
    """Each sigmoid as a softmax: its logit beside 0."""
    yes = logits.flatten()
    return torch.stack([yes, torch.zeros_like(yes)], 1)


DECISIONS: Mapping[ProblemType, Callable[[Tensor], Tensor]] = {
    "single_label_classification": lambda logits: logits,
    "multi_label_classification": yes_or_no,
    "regression": lambda logits: logits[:0],
}
"""What the logits of texts decide: a softmax over each row is one decision. A number is none."""
