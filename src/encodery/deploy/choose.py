"""Engine, threads and precision for this machine, by measuring: a few seconds, alternating, medians.

What is measured is one text at a time through the whole engine: tables, packing, graph.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

from encodery import batch as packed
from encodery.batch import Batch, pack
from encodery.cores import usable_cores
from encodery.deploy.bundle import BundleInfo

LENGTHS = (16, 64, 128, 384)
SECONDS = 6.0
"""For all candidates together, without the time in which they are compiled."""
WARM_UP = 2

Compute = Callable[[Batch], object]


@dataclass(frozen=True)
class Candidate:
    """A way to compute a model."""

    info: BundleInfo
    compute: Compute


@dataclass(frozen=True)
class Measured:
    """The median milliseconds of a text of each length."""

    info: BundleInfo
    latency: Mapping[int, float]

    @property
    def mean(self) -> float:
        """The geometric mean: every length weighs the same."""
        return math.exp(statistics.fmean(map(math.log, self.latency.values())))

    @property
    def row(self) -> dict[str, object]:
        """As `encodery.json` has it."""
        return {**self.info.model_dump(exclude_none=True), "latency_ms": {str(n): t for n, t in self.latency.items()}}


def thread_counts(cores: int | None = None) -> tuple[int, ...]:
    """The numbers of threads to try: all cores, half of them (a core may be two threads), one."""
    cores = cores or usable_cores()
    return tuple(dict.fromkeys(number for number in (cores, cores // 2, 1) if number))


def texts(vocab_size: int, longest: int, frame: tuple[int, int, int]) -> dict[int, Batch]:
    """A text of each length that the model has positions for: arbitrary tokens within the frame of a first one, a
    mask, which `fill-mask` asks for, once, and a last one."""
    *start, end = frame
    lengths = [length for length in LENGTHS if length <= longest] or [longest]
    return {
        length: pack([packed.Sequence([*start, *islice(_words(vocab_size, frame), length - 3), end])])
        for length in lengths
    }


def _words(vocab_size: int, frame: tuple[int, int, int]) -> Iterator[int]:
    return (token for token in ((7 * n + 11) % vocab_size for n in count()) if token not in frame)


def latencies(
    computes: Sequence[Compute], batches: Mapping[int, Batch], seconds: float | None = None
) -> list[dict[int, float]]:
    """Median milliseconds of each compute for each batch, in turn so that a neighbour disturbs all alike; for
    `SECONDS` if not given."""
    for compute in computes:
        for batch in batches.values():
            for _ in range(WARM_UP):
                compute(batch)
    taken: list[dict[int, list[float]]] = [{length: [] for length in batches} for _ in computes]
    end = time.perf_counter() + (SECONDS if seconds is None else seconds)
    while True:
        for compute, times in zip(computes, taken, strict=True):
            for length, batch in batches.items():
                start = time.perf_counter()
                compute(batch)
                times[length].append(1e3 * (time.perf_counter() - start))
        if time.perf_counter() > end:
            break
    return [{length: statistics.median(values) for length, values in times.items()} for times in taken]


def measure(
    candidates: Sequence[Candidate], batches: Mapping[int, Batch], seconds: float | None = None
) -> list[Measured]:
    """The candidates, the fastest first."""
    found = latencies([candidate.compute for candidate in candidates], batches, seconds)
    rows = [Measured(candidate.info, row) for candidate, row in zip(candidates, found, strict=True)]
    return sorted(rows, key=lambda row: row.mean)
