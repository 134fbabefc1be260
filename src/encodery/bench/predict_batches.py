"""How many texts are put into batches."""

from collections.abc import Sequence
from typing import Literal

How = Literal["arrival", "sorted", "sorted-tokens", "offline"]
"""32 at a time as they come; 32 at a time by length; by length, so many that 1,024 positions are not passed; all at
once, for engines that batch themselves."""
TEXTS_PER_BATCH = 32
POSITIONS_PER_BATCH = 1024


def batches(lengths: Sequence[int], how: How) -> list[list[int]]:
    """The texts of each batch, by number."""
    if how == "offline":
        return [list(range(len(lengths)))]
    if how == "sorted-tokens":
        return _by_positions(lengths)
    order = sorted(range(len(lengths)), key=lengths.__getitem__) if how == "sorted" else list(range(len(lengths)))
    return [order[start : start + TEXTS_PER_BATCH] for start in range(0, len(order), TEXTS_PER_BATCH)]


def _by_positions(lengths: Sequence[int]) -> list[list[int]]:
    groups: list[list[int]] = [[]]
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups[-1] and (len(groups[-1]) + 1) * lengths[index] > POSITIONS_PER_BATCH:
            groups.append([])
        groups[-1].append(index)
    return groups
