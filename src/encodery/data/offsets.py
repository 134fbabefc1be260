"""Places in a corpus of several shards: where items begin, counted over all of them."""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, Int64


@runtime_checkable
class Parts(Protocol):
    """An array for each shard."""

    def __len__(self) -> int: ...

    def __getitem__(self, shard: int, /) -> np.ndarray: ...


class Offsets:
    """Ascending starts spread over shards, with one end after the last; `parts` are relative to their shard."""

    def __init__(self, parts: Parts, counts: Sequence[int], ends: Sequence[int]) -> None:
        """`counts` are the starts of each part without its end, `ends` the values of that."""
        self._parts = parts
        self._first_index = np.cumsum([0, *counts])
        self._first_value = np.cumsum([0, *ends])

    @classmethod
    def of(cls, parts: list[Int64[np.ndarray, " _"]]) -> "Offsets":
        """Those of arrays that are here."""
        return cls(parts, [len(part) - 1 for part in parts], [int(part[-1]) for part in parts])

    def __len__(self) -> int:
        """Number of items (starts, not counting the end)."""
        return int(self._first_index[-1])

    @property
    def end(self) -> int:
        """Where the last item ends."""
        return int(self._first_value[-1])

    def at(self, index: Int[np.ndarray, " items"]) -> Int[np.ndarray, " items"]:
        """Start of each item; `len(self)` gives the end of the last."""
        if len(self._parts) == 1:
            return np.asarray(self._parts[0][index])
        starts = np.empty_like(index)
        for shard, inside in by_shard(self._first_index, index):
            starts[inside] = self._parts[shard][index[inside] - self._first_index[shard]]
            starts[inside] += self._first_value[shard]
        return starts

    def search(
        self, values: Int[np.ndarray, " values"], side: Literal["left", "right"]
    ) -> Int[np.ndarray, " values"]:
        """How many items start before each value ("left"), or before or at it ("right")."""
        if len(self._parts) == 1:
            return np.searchsorted(self._parts[0][:-1], values, side)
        counts = np.empty_like(values)
        for shard, inside in by_shard(self._first_value, values):
            local = values[inside] - self._first_value[shard]
            counts[inside] = np.searchsorted(self._parts[shard][:-1], local, side)
            counts[inside] += self._first_index[shard]
        return counts


def by_shard(
    bounds: Int64[np.ndarray, " bounds"], keys: Int[np.ndarray, " keys"]
) -> list[tuple[int, Int64[np.ndarray, " _"]]]:
    """The shards (between `bounds`) that hold some of the keys, each with the places of the keys it holds."""
    shard = np.searchsorted(bounds[1:-1], keys, "right")
    order = np.argsort(shard, kind="stable")
    numbers, first = np.unique(shard[order], return_index=True)
    return list(zip(numbers.tolist(), np.split(order, first[1:]), strict=True))
