"""Labelled sequences as batches: every sequence once an epoch, in an order that is a function of (seed, epoch).

Sequences of one example (`Sequence.continues`) stay together, in their order.
"""

from collections.abc import Sequence as Many
from itertools import pairwise

from encodery.batch import Batch, Sequence, example_bounds, pack
from encodery.data.packing import epoch_order, pack_indices


class Epochs:
    """Packs sequences into batches of at most `tokens_per_step` tokens, those of their sources counted;
    `epochs(step)` is the batch of a step.

    An example that is longer than that has a batch to itself.
    """

    def __init__(self, sequences: Many[Sequence], tokens_per_step: int, epochs: int, seed: int) -> None:
        self._examples = [sequences[first:last] for first, last in pairwise(example_bounds(sequences))]
        budget = max(tokens_per_step, *(sequence.num_tokens for sequence in sequences))
        lengths = [min(sum(sequence.num_tokens for sequence in example), budget) for example in self._examples]
        self._batches = [
            indices
            for epoch in range(epochs)
            for indices in pack_indices(lengths, budget, epoch_order(len(lengths), seed, epoch))
        ]

    def __len__(self) -> int:
        """Number of steps in all epochs."""
        return len(self._batches)

    def __call__(self, step: int) -> Batch:
        """The batch of a step, counted from 0."""
        return pack([sequence for index in self._batches[step] for sequence in self._examples[index]])
