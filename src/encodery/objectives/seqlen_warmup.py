"""Sequence length warm-up: the first steps read short sequences (Li et al. 2022, "The Stability-Efficiency Dilemma").

A fresh model attends to all tokens alike, so what the word next to it says reaches a token with a weight of one over
the length: in short sequences it is heard at once, in long ones the loss lies on the plateau of word frequencies for
thousands of steps.
"""

from collections.abc import Callable

from pydantic import Field, PositiveInt

from encodery.batch import Batch
from encodery.config import Config


class SeqlenWarmup(Config):
    """The first `steps` read sequences of at most `max_seqlen` tokens."""

    max_seqlen: int = Field(default=32, ge=8)
    steps: PositiveInt


def warmed_up(short: Callable[[int], Batch], full: Callable[[int], Batch], steps: int) -> Callable[[int], Batch]:
    """The batch of each step: from `short` for the first `steps` steps, from `full` afterwards."""

    def batch(step: int) -> Batch:
        return (short if step < steps else full)(step)

    return batch
