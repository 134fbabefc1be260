"""Sequence length warm-up: the first steps read short sequences (Li et al. 2022, "The Stability-Efficiency Dilemma").

A fresh model attends to all tokens alike, so what the word next to it says reaches a token with a weight of one over
the length: in short sequences it is heard at once, in long ones the loss lies on the plateau of word frequencies for
thousands of steps. A short sequence begins at any position (Kiyono et al. 2021, "SHAPE"), or the positions behind it
would still be fresh when the long ones come, and the loss go back to the plateau (docs/log.md).
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from pydantic import Field, PositiveInt

from encodery.batch import Batch
from encodery.config import Config
from encodery.data.keyed_random import below, keyed_uint64

_SHIFT = 0x5EB1E55  # names these draws apart from those of the objective


class SeqlenWarmup(Config):
    """The first `steps` read sequences of at most `max_seqlen` tokens."""

    max_seqlen: int = Field(default=32, ge=8)
    steps: PositiveInt


def warmed_up(
    short: Callable[[int], Batch], full: Callable[[int], Batch], steps: int, num_positions: int, seed: int
) -> Callable[[int], Batch]:
    """The batch of each step: from `short`, shifted within `num_positions`, for the first `steps` steps, then from
    `full`. A function of (seed, step) alone, as they are."""

    def batch(step: int) -> Batch:
        return shifted(short(step), num_positions, seed, step) if step < steps else full(step)

    return batch


def shifted(batch: Batch, num_positions: int, seed: int, step: int) -> Batch:
    """The batch with each sequence beginning at a random position from which it ends within `num_positions`."""
    lengths = batch.cu_seqlens.diff().long()
    draws = keyed_uint64(seed, _SHIFT, step, torch.arange(batch.num_sequences).numpy())
    first = torch.from_numpy(below(draws, num_positions + 1 - lengths.numpy()))
    return replace(batch, position_ids=batch.position_ids + first.repeat_interleave(lengths))
