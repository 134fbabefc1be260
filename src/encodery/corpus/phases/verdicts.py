"""Numbers that a task found for each of many others: which paragraphs or documents these drop."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt32, UInt64


def write_verdicts(
    path: Path,
    tasks: UInt32[np.ndarray, " numbers"] | UInt64[np.ndarray, " numbers"],
    numbers: UInt32[np.ndarray, " numbers"],
    count: int,
) -> None:
    """Write numbers by the task that they are of, each task's sorted; there are `count` tasks."""
    order = np.lexsort((numbers, tasks))
    ends = np.cumsum(np.bincount(tasks.astype(np.int64), minlength=count))
    write_in_order(path, np.split(numbers[order].astype(np.uint32), ends[:-1]), count)


def write_in_order(path: Path, numbers: Iterable[UInt32[np.ndarray, " _"]], count: int) -> None:
    """The same of numbers that come task by task, each task's sorted: no more than one task's are held."""
    ends = np.zeros(count, np.uint64)
    with path.open("wb") as file:
        file.write(ends.tobytes())
        for task, own in enumerate(numbers):
            file.write(own.tobytes())
            ends[task] = len(own)
        file.seek(0)
        file.write(np.cumsum(ends, dtype=np.uint64).tobytes())


def read_verdicts(path: Path, task: int, count: int) -> UInt32[np.ndarray, " numbers"]:
    """Those of one task."""
    with path.open("rb") as file:
        file.seek(max(task - 1, 0) * 8)
        start, end = (0, *np.fromfile(file, np.uint64, 1)) if task == 0 else np.fromfile(file, np.uint64, 2)
        file.seek(count * 8 + int(start) * 4)
        return np.fromfile(file, np.uint32, int(end) - int(start))
