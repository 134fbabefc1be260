"""Lines for a trainer that holds all its text in memory: so many, in so much memory, the same ones each time."""

import heapq
import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

MAX_LINE_BYTES = 4096
MAX_HELD_BYTES = 1 << 29
"""Of memory, for all lines drawn. A million lines of novels take a fourth of it, a million of the longest eight times
as much."""
_KEPT = 0.75
"""When that is full, this share of the lines stays, and no more are drawn from then on."""
_ROUNDING = 16
"""Counts are whole numbers: the lightest line counts this often, so that rounding moves a weight by 3 % at most."""


def lines_of(texts: Iterable[str], weights: Iterable[float]) -> Iterator[tuple[str, float]]:
    """The lines that the trainer reads, with the weight of their text.

    It would drop long ones, so these are cut, at white space if there is any.
    """
    for text, weight in zip(texts, weights, strict=False):  # weights may have no end
        for line in text.splitlines():
            while len(line.encode("utf-8", "replace")) > MAX_LINE_BYTES:
                end = line.rfind(" ", 1, MAX_LINE_BYTES // 4)
                end = end if end > 0 else MAX_LINE_BYTES // 4
                yield line[:end], weight
                line = line[end:]
            if line.strip():
                yield line, weight


def draw(lines: Iterable[str], most: int, most_bytes: int = MAX_HELD_BYTES) -> list[str]:
    """At most so many lines in so many bytes of memory, each equally likely (the trainer's own draw has no seed)."""
    drawn: list[str] = []
    generator = random.Random(1)
    held = 0
    for seen, line in enumerate(lines):
        if seen < most:
            drawn.append(line)
            held += _size(line)
        elif (index := generator.randrange(seen + 1)) < most:
            held += _size(line) - _size(drawn[index])
            drawn[index] = line
        if held > most_bytes:
            most = int(_KEPT * len(drawn))
            drawn = generator.sample(drawn, most)
            held = sum(map(_size, drawn))
    return drawn


def draw_weighted(
    lines: Iterable[tuple[str, float]], most: int, most_bytes: int = MAX_HELD_BYTES
) -> list[tuple[str, int]]:
    """At most so many lines in so many bytes of memory, heavy ones more likely (Efraimidis and Spirakis 2006), and
    how often each counts.

    A weight that so many lines share that some are left out has its lines count for those, too: the sums of the
    counts are to each other as the sums of the weights in the whole text.
    """
    generator = random.Random(1)
    seen: Counter[float] = Counter()
    heap: list[tuple[float, int, str, float]] = []
    held = 0
    for number, (line, weight) in enumerate(lines):
        seen[weight] += 1
        item = (math.log(1.0 - generator.random()) / weight, number, line.replace("\t", " "), weight)
        held += _size(item[2])
        if len(heap) < most:
            heapq.heappush(heap, item)
        else:
            held -= _size(heapq.heappushpop(heap, item)[2])
        if held > most_bytes:
            most = int(_KEPT * len(heap))
            heap = sorted(heapq.nlargest(most, heap))
            held = sum(_size(line) for _, _, line, _ in heap)
    drawn = Counter(weight for _, _, _, weight in heap)
    exact = {weight: weight * seen[weight] / count for weight, count in drawn.items()}
    unit = min(exact.values(), default=1.0) / _ROUNDING
    return [(line, round(exact[weight] / unit)) for _, _, line, weight in sorted(heap, key=lambda item: item[1])]


def _size(line: str) -> int:
    """The memory that a line takes."""
    return sys.getsizeof(line)
