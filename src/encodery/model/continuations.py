"""Which tokens come next: the best of all beams and words of a sentence, for a batch of sentences."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

GROUP = 64
"""Words of which the largest logit alone is looked at first."""
ROWS_AT_ONCE = 8
"""Rows of logits that stay in the cache while they are read twice."""


def best_continuations(
    logits: Float[Tensor, "sentences beams vocabulary"],
    scores: Float[Tensor, "sentences beams"],
    count: int,
    never: tuple[int, ...] = (),
) -> tuple[Float[Tensor, "sentences best"], Int[Tensor, "sentences best"], Int[Tensor, "sentences best"]]:
    """The log-probabilities, beams and tokens of the `count` best continuations of each sentence, best first: that of
    a beam is its score and the log-probability of its next token. Tokens of `never` have none, in `logits` too.

    The best are found among the words of the groups with the largest logits, so that few logits are sorted.
    """
    beams, vocabulary = logits.shape[1:]
    rows = logits.flatten(0, 1)
    shifts = scores - log_normalisers(rows).view_as(scores)
    if never:
        rows[:, list(never)] = -torch.inf
    if count == 1:
        best, tokens = rows.max(-1)
        return best[:, None] + shifts, torch.zeros_like(tokens)[:, None], tokens[:, None]
    groups = vocabulary // GROUP
    if groups < count:
        best, places = (logits + shifts[:, :, None]).flatten(1).topk(count)
        return best, places // vocabulary, places % vocabulary
    _, chosen = (_largest(rows, groups).view(-1, beams, groups) + shifts[:, :, None]).flatten(1).topk(count)
    parents, tokens = _members(chosen, beams, groups, vocabulary)
    totals = logits.flatten(1).gather(1, parents * vocabulary + tokens) + shifts.gather(1, parents)
    best, places = totals.topk(count)
    return best, parents.gather(1, places), tokens.gather(1, places)


def log_normalisers(logits: Float[Tensor, "rows vocabulary"]) -> Float[Tensor, " rows"]:
    """`logsumexp`; on the CPU in a sixth of its time, for the softmax is one kernel there and that is four passes."""
    if logits.device.type != "cpu":
        return logits.logsumexp(-1)
    held = logits.new_empty(ROWS_AT_ONCE, logits.shape[1])
    found = []
    for some in logits.split(ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
        log_probs = torch.log_softmax(some, -1, out=held[: len(some)])
        found.append(some[:, 0] - log_probs[:, 0])
    return torch.cat(found)


def _largest(logits: Float[Tensor, "rows vocabulary"], groups: int) -> Float[Tensor, "rows groups"]:
    """Of each group of words that stand side by side."""
    return logits[:, : groups * GROUP].view(len(logits), groups, GROUP).amax(2)


def _members(
    chosen: Int[Tensor, "sentences chosen"], beams: int, groups: int, vocabulary: int
) -> tuple[Int[Tensor, "sentences members"], Int[Tensor, "sentences members"]]:
    """Beam and word of all that may be best: the chosen groups' members, and the words that are in no group."""
    words = torch.arange(GROUP, device=chosen.device)
    rest = torch.arange(groups * GROUP, vocabulary, device=chosen.device)
    every = torch.arange(beams, device=chosen.device)
    parents = (chosen // groups).repeat_interleave(GROUP, 1)
    tokens = ((chosen % groups * GROUP)[:, :, None] + words).flatten(1)
    others = every.repeat_interleave(len(rest)).expand(len(chosen), -1), rest.repeat(beams).expand(len(chosen), -1)
    return torch.cat([parents, others[0]], 1), torch.cat([tokens, others[1]], 1)
