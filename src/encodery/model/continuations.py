"""Which tokens come next: the best of all beams and words of a sentence, for a batch of sentences."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

GROUP = 64
"""Words of which the largest logit alone is looked at first."""


def best_continuations(
    logits: Float[Tensor, "sentences beams vocabulary"],
    scores: Float[Tensor, "sentences beams"],
    count: int,
    never: tuple[int, ...] = (),
) -> tuple[Float[Tensor, "sentences best"], Int[Tensor, "sentences best"], Int[Tensor, "sentences best"]]:
    """The log-probabilities, beams and tokens of the `count` best continuations of each sentence, best first: that of
    a beam is its score and the log-probability of its next token. Tokens of `never` have none, in `logits` too.

    The best are found among the words of the groups with the largest logits, so that most logits are read once.
    """
    shifts = scores - logits.logsumexp(-1)
    if never:
        logits[..., list(never)] = -torch.inf
    if count == 1:
        best, tokens = logits[:, 0].max(-1)
        return (best + shifts[:, 0])[:, None], torch.zeros_like(tokens)[:, None], tokens[:, None]
    vocabulary = logits.shape[2]
    groups = vocabulary // GROUP
    if groups < count:
        best, places = (logits + shifts[:, :, None]).flatten(1).topk(count)
        return best, places // vocabulary, places % vocabulary
    # word j of group g is g + j * groups: the largest of all groups are then found along contiguous logits
    largest = logits[:, :, : groups * GROUP].view(len(logits), -1, GROUP, groups).amax(2)
    _, chosen = (largest + shifts[:, :, None]).flatten(1).topk(count)
    members = torch.arange(GROUP, device=logits.device) * groups
    beams = (chosen // groups)[:, :, None].expand(-1, -1, GROUP).flatten(1)
    tokens = ((chosen % groups)[:, :, None] + members).flatten(1)
    rest = torch.arange(groups * GROUP, vocabulary, device=logits.device)
    every = torch.arange(logits.shape[1], device=logits.device)
    beams = torch.cat([beams, every.repeat_interleave(len(rest)).expand(len(logits), -1)], 1)
    tokens = torch.cat([tokens, rest.repeat(len(every)).expand(len(logits), -1)], 1)
    totals = logits.flatten(1).gather(1, beams * vocabulary + tokens) + shifts.gather(1, beams)
    best, places = totals.topk(count)
    return best, beams.gather(1, places), tokens.gather(1, places)
