"""Two texts that are compared: encoded one after the other, packed together, and what is left of them in a loss.

Each text is read in windows of its own. All windows of both are one example, so that they are in the same batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch
from encodery.tasks.windows import Encoded


@dataclass(frozen=True)
class EncodedPair(Encoded):
    """The windows of two texts; the label of each is (which text, its share in the text's vector, the number)."""

    first: Encoded
    second: Encoded

    @classmethod
    def of(cls, first: Encoded, second: Encoded, number: float | None) -> "EncodedPair":
        """Both texts, with how similar they are if that is known."""
        windows = [
            replace(window, sequence=replace(window.sequence, label=(float(side), share, _or_nan(number))))
            for side, text in enumerate((first, second))
            for window, share in zip(text.windows, text.shares, strict=True)
        ]
        windows[1:] = (replace(w, sequence=replace(w.sequence, continues=True)) for w in windows[1:])
        return cls(tuple(windows), first.truncated or second.truncated, first.cut, first, second)

    @property
    def is_long(self) -> bool:
        """Whether one of the texts takes more than one window."""
        return self.first.is_long or self.second.is_long


@dataclass(frozen=True)
class Pairs:
    """The pairs of a step."""

    first: Float[Tensor, "pairs hidden"]
    second: Float[Tensor, "pairs hidden"]
    """Vectors of length 1."""
    numbers: Float[Tensor, " pairs"]
    """How similar the two are; NaN where nobody said."""
    text_ids: Int[Tensor, "pairs 2"]
    """A number for each text; the model cannot tell texts of the same number apart."""

    @cached_property
    def cosines(self) -> Float[Tensor, " pairs"]:
        """Of the two texts of each pair."""
        return (self.first * self.second).sum(-1)


def pairs_of(batch: Batch, vectors: Float[Tensor, "sequences hidden"]) -> Pairs:
    """The pairs of a batch from the vectors of its sequences; windows of one text become one vector."""
    assert batch.sequence_labels is not None
    bounds = batch.example_bounds.long()
    sizes = bounds.diff()
    side, share, numbers = batch.sequence_labels.unbind(-1)
    place = 2 * torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes) + side.long()
    texts = vectors.new_zeros(2 * len(sizes), vectors.shape[-1]).index_add(0, place, share[:, None] * vectors)
    first, second = F.normalize(texts, dim=-1).view(len(sizes), 2, -1).unbind(1)
    return Pairs(first, second, numbers[bounds[:-1]], _text_ids(batch, place.tolist()))


def _text_ids(batch: Batch, place: Sequence[int]) -> Int[Tensor, "pairs 2"]:
    """A number for each text, the same where the model reads the same."""
    texts: dict[int, tuple[int, ...]] = {}
    tokens = batch.input_ids.cpu().numpy()
    for text, part in zip(place, np.split(tokens, batch.cu_seqlens[1:-1].tolist()), strict=True):
        texts[text] = (*texts.get(text, ()), *part.tolist())
    numbers: dict[tuple[int, ...], int] = {}
    ids = [numbers.setdefault(texts[text], len(numbers)) for text in sorted(texts)]
    return torch.tensor(ids, device=batch.input_ids.device).view(-1, 2)


def _or_nan(number: float | None) -> float:
    return float("nan") if number is None else number
