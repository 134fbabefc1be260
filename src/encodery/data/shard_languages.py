"""Which language the documents of token shards are in: grouped, or file by file as older shards have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, Int64, UInt


@runtime_checkable
class Languages(Protocol):
    """Names, and the place among them for any document."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def of_documents(self, documents: Int[np.ndarray, " documents"]) -> Int64[np.ndarray, " documents"]:
        """The place in `names` of each document's language."""


@dataclass(frozen=True)
class GroupedLanguages:
    """Documents of one language lie together."""

    names: tuple[str, ...]
    bounds: Int64[np.ndarray, " bounds"]
    """First document of each, and the end of the last."""

    @classmethod
    def of_shards(
        cls,
        names: tuple[str, ...],
        num_documents: Sequence[int],
        shard_documents: Sequence[int],
        there: Sequence[int],
    ) -> "GroupedLanguages":
        """From how many documents each language and each shard has, if only the shards `there` can be read."""
        bounds = np.cumsum([0, *num_documents])
        ends = np.cumsum([0, *shard_documents])
        # a bound falls back by the documents before it that are not there
        missing = [shard for shard in range(len(shard_documents)) if shard not in set(there)]
        lost = sum((np.clip(bounds, ends[i], ends[i + 1]) - ends[i] for i in missing), np.zeros_like(bounds))
        return cls(names, bounds - lost)

    def of_documents(self, documents: Int[np.ndarray, " documents"]) -> Int64[np.ndarray, " documents"]:
        """The place in `names` of each document's language."""
        return np.searchsorted(self.bounds, documents, "right") - 1


class ScatteredLanguages:
    """Every document says its own (format 2)."""

    def __init__(self, names: tuple[str, ...], parts: Sequence[UInt[np.ndarray, " _"]]) -> None:
        """`parts`: of each shard, the places in `names` of its documents' languages, as a memory map."""
        self.names = names
        self._parts = parts
        self._first = np.cumsum([0, *map(len, parts)])

    def of_documents(self, documents: Int[np.ndarray, " documents"]) -> Int64[np.ndarray, " documents"]:
        """The place in `names` of each document's language."""
        found = np.zeros(len(documents), np.int64)
        shard = np.searchsorted(self._first, documents, "right") - 1
        for number in np.unique(shard).tolist():
            inside = shard == number
            found[inside] = self._parts[number][documents[inside] - self._first[number]]
        return found
