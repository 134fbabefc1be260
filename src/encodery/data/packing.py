"""Labelled sequences of any length into batches within a token budget: every sequence once, almost no room wasted."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from encodery.data.keyed_random import keyed_uint64, permute

_OPEN_BATCHES = 8


def epoch_order(num_sequences: int, seed: int, epoch: int) -> Int64[np.ndarray, " sequences"]:
    """The shuffled order of an epoch, a function of (seed, epoch)."""
    if num_sequences == 0:
        return np.zeros(0, np.int64)
    return permute(np.arange(num_sequences), num_sequences, int(keyed_uint64(seed, epoch)))


def pack_indices(
    lengths: Sequence[int], max_tokens: int, order: Int64[np.ndarray, " sequences"] | None = None
) -> list[list[int]]:
    """Batches of indices into `lengths`, each of at most `max_tokens` tokens, each index in exactly one batch.

    Sequences are taken in `order` (as they come, without one) and put into the first open batch with room for them;
    when there is none, the fullest of a few open batches is closed. So a batch holds sequences that are near each
    other in the order, and only the last few batches are left with room.
    """
    batches: list[list[int]] = []
    open_batches: list[list[int]] = []
    room: list[int] = []
    for index in range(len(lengths)) if order is None else order.tolist():
        length = lengths[index]
        assert length <= max_tokens, f"sequence {index} has {length} tokens, above max_tokens = {max_tokens}"
        place = next((place for place, free in enumerate(room) if free >= length), None)
        if place is None:
            if len(room) == _OPEN_BATCHES:
                fullest = room.index(min(room))
                batches.append(open_batches.pop(fullest))
                del room[fullest]
            place = len(room)
            open_batches.append([])
            room.append(max_tokens)
        open_batches[place].append(index)
        room[place] -= length
    return batches + open_batches
