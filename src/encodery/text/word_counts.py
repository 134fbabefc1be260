"""Counting words in bounded memory, and handing the counts to a trainer that only takes text."""

from collections import Counter
from collections.abc import Iterator, Mapping

MAX_COUNTED_WORDS = 4_000_000
_FEED_CHARS = 1 << 16


def most_frequent(counts: Counter[str], limit: int) -> Counter[str]:
    """The counts above the lowest threshold that leaves at most `limit` of them."""
    threshold = 0
    while len(counts) > limit:
        threshold += 1
        counts = Counter({word: count for word, count in counts.items() if count > threshold})
    return counts


def repeated(counts: Mapping[str, int]) -> Iterator[str]:
    """Text in which each word occurs as often as counted: the one way to hand counts to the trainer."""
    parts: list[str] = []
    size = 0
    for word, count in counts.items():
        unit = word + " "
        most = max(1, _FEED_CHARS // len(unit))
        while count > 0:
            parts.append(unit * min(count, most))
            size += len(parts[-1])
            count -= most
            if size >= _FEED_CHARS:
                yield "".join(parts)
                parts, size = [], 0
    yield "".join(parts)
