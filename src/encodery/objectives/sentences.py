"""The sentences of one language, and an endless order of them of which any stretch is found at once."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

from encodery.data.keyed_random import keyed_uint64, permute
from encodery.data.shards import Shards

_LOOKED_AT = 1 << 20
"""Sentences whose length and language are looked at together."""
_MEASURED = 1 << 12


class Shuffled:
    """Places of an endless order as items: each item once an epoch, every epoch in an order of its own."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self._seed = count, seed

    def items(self, start: int, stop: int) -> Int64[np.ndarray, " places"]:
        """The items at the places `start : stop`."""
        epoch, place = np.divmod(np.arange(start, stop), self.count)
        seeds = keyed_uint64(self._seed, epoch).view(np.int64)
        return np.asarray(permute(place, self.count, seeds), np.int64)


class Sentences:
    """The sentences of a language that have at most `longest` tokens. Longer ones, and empty ones, are left out."""

    def __init__(self, shards: Shards, language: str, longest: int) -> None:
        self._shards = shards
        self._numbers = np.concatenate([np.zeros(0, np.int64), *_fitting(shards, language, longest)])

    def __len__(self) -> int:
        """How many there are."""
        return len(self._numbers)

    @property
    def mean_length(self) -> float:
        """Tokens of a sentence, over some thousands of them."""
        spread = np.linspace(0, len(self) - 1, min(len(self), _MEASURED)).astype(np.int64)
        _, bounds = self.read(spread)
        return float(bounds[-1]) / (len(bounds) - 1)

    def read(
        self, items: Int64[np.ndarray, " items"]
    ) -> tuple[Int64[np.ndarray, " tokens"], Int64[np.ndarray, " bounds"]]:
        """These of the sentences laid end to end, and their bounds."""
        numbers = self._numbers[items]
        starts, ends = self._shards.sentences.at(numbers), self._shards.sentences.at(numbers + 1)
        lengths = (ends - starts).astype(np.int64)
        ids = self._shards.take_ranges(starts, lengths).astype(np.int64)
        return ids, np.concatenate([[0], np.cumsum(lengths)])


def _fitting(shards: Shards, language: str, longest: int) -> Iterator[Int64[np.ndarray, " _"]]:
    number = shards.languages.index(language)
    for first in range(0, shards.num_sentences, _LOOKED_AT):
        sentences = np.arange(first, min(first + _LOOKED_AT, shards.num_sentences))
        starts = shards.sentences.at(sentences)
        lengths = shards.sentences.at(sentences + 1) - starts
        fits = (lengths > 0) & (lengths <= longest)
        sentences = sentences[fits]
        yield sentences[shards.language_of(starts[fits]) == number]
