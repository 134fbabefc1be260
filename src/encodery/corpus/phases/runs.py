"""Sorted runs: records under 64-bit keys, from many tasks, that any later task reads one range of keys of.

A file holds runs of a bounded number of records. Each is sorted by key, records of one key in the order in which they
were added, so that the ranges of all files, one behind the other, need only be merged. Ranges are chosen when the
number of all records is known: memory is bounded whatever the size of the input.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import UInt32, UInt64

RECORDS_AT_ONCE = 1 << 22
"""In memory, of a run while it is sorted and of a range while it is looked at: about 200 MB."""
KEYS = 1 << 64


@dataclass(frozen=True)
class Records:
    """Keys with the documents, and the places in them, that they stand for; a task's own numbers."""

    keys: UInt64[np.ndarray, " records"]
    documents: UInt32[np.ndarray, " records"]
    places: UInt32[np.ndarray, " records"]

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, chosen: np.ndarray) -> "Records":
        """Those at some indices, or where a mask is true."""
        return Records(self.keys[chosen], self.documents[chosen], self.places[chosen])

    @classmethod
    def joined(cls, parts: Iterable["Records"]) -> "Records":
        """Several, one behind the other."""
        parts = list(parts)
        return cls(
            np.concatenate([np.empty(0, np.uint64), *(part.keys for part in parts)]),
            np.concatenate([np.empty(0, np.uint32), *(part.documents for part in parts)]),
            np.concatenate([np.empty(0, np.uint32), *(part.places for part in parts)]),
        )

    def sorted(self) -> "Records":
        """By key; equal keys stay in order."""
        return self.take(np.argsort(self.keys, kind="stable"))  # merges what is sorted already


class RunFile:
    """One file of runs in groups (the bands of MinHash; paragraphs have one group), written once, then read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._runs: list[tuple[int, int]] = []
        """Group and number of records of each run, in the order in which they lie there."""

    def write(self, group: int, records: Records) -> None:
        """Append a sorted run."""
        with self._path.open("ab") as file:
            for array in (records.keys, records.documents, records.places):
                file.write(array.tobytes())
        self._runs.append((group, len(records)))

    def finish(self) -> None:
        """Write down where the runs lie."""
        self._path.touch()
        self._index.write_text(json.dumps(self._runs))

    @property
    def _index(self) -> Path:
        return self._path.with_suffix(".json")

    def sizes(self) -> dict[int, int]:
        """How many records each group has."""
        sizes: dict[int, int] = {}
        for group, count in json.loads(self._index.read_text()):
            sizes[group] = sizes.get(group, 0) + count
        return sizes

    def read(self, group: int, start: int, end: int) -> Iterator[Records]:
        """The records of a group with keys from `start` to before `end`, run by run."""
        runs = [] if not self._path.stat().st_size else json.loads(self._index.read_text())
        offset = 0
        for of_group, count in runs:
            if of_group == group:
                found = self._slice(offset, count, start, end)
                if len(found):
                    yield found
            offset += count * 16

    def _slice(self, offset: int, count: int, start: int, end: int) -> Records:
        content = np.memmap(self._path, np.uint8, "r", offset, (count * 16,))
        keys = content[: count * 8].view(np.uint64)
        first = 0 if start == 0 else int(np.searchsorted(keys, np.uint64(start)))
        last = count if end == KEYS else int(np.searchsorted(keys, np.uint64(end)))
        rest = content[count * 8 :].view(np.uint32)
        return Records(
            np.array(keys[first:last]), np.array(rest[first:last]), np.array(rest[count + first : count + last])
        )


@dataclass(frozen=True)
class Range:
    """A part of the keys of one group."""

    group: int
    start: int
    end: int


def ranges_of(sizes: Mapping[int, int]) -> list[list[Range]]:
    """All keys of all groups as work for tasks, of about so many records each. Keys are evenly spread: hashes."""
    tasks: list[list[Range]] = []
    held = at_once = RECORDS_AT_ONCE
    for group, size in sorted(sizes.items()):
        count = -(-size // at_once)  # none for none
        bounds = [*(part * KEYS // count for part in range(count)), KEYS]
        ranges = [Range(group, start, end) for start, end in pairwise(bounds)]
        if count == 1 and held + size <= at_once:
            tasks[-1] += ranges
            held += size
        else:
            tasks += [[part] for part in ranges]
            held = size if count == 1 else at_once
    return tasks
