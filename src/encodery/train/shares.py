"""Who computes what of a step's batch: a function of the batch and the number of ranks alone.

The batch of a step is that of the recipe, whatever the machines: each rank makes it whole and takes its share.
"""

from dataclasses import dataclass, replace

import torch

from encodery.batch import Batch


@dataclass(frozen=True)
class Piece:
    """A micro-batch of a rank. One that is not `own` is borrowed: it is run for the sake of the other ranks, which
    wait for this one in every forward and backward pass, and counts for nothing."""

    batch: Batch
    own: bool = True

    def to(self, device: torch.device) -> "Piece":
        """The same piece on another device."""
        return replace(self, batch=self.batch.to(device))


def pieces_of(batch: Batch, micro_batch_tokens: int, rank: int = 0, world_size: int = 1) -> list[Piece]:
    """The micro-batches of a rank's share of a step's batch, at least one, and as many on every rank."""
    shares = [share.split(micro_batch_tokens) if share else [] for share in batch.shares(world_size)]
    pieces = [Piece(piece) for piece in shares[rank]]
    lacking = max(map(len, shares)) - len(pieces)
    return pieces + [Piece(batch.shortest_example(), own=False)] * lacking
