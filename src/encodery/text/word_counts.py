"""Counting words in bounded memory, and handing the counts to a trainer that only takes text."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

MAX_COUNTED_WORDS = 1_000_000
"""A word takes up to 1 kB where a vocabulary is trained, most of it in the trainer."""
_FEED_CHARS = 1 << 16


class WordCounts:
    """How often each word occurs, each occurrence counted as many times as its text weighs.

    At most `limit` words are kept: past that, the rarest are dropped, of each weight its share.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_weight: dict[float, Counter[str]] = {}

    def add(self, words: Iterable[str], weight: float) -> None:
        """Count the words of a piece of text."""
        self._by_weight.setdefault(weight, Counter()).update(words)

    def prune(self) -> None:
        """Keep the bound; called once per text, since it looks at every counter."""
        if sum(map(len, self._by_weight.values())) <= self._limit:
            return
        share = self._limit // len(self._by_weight)
        for weight, counts in self._by_weight.items():
            if len(counts) > share:
                self._by_weight[weight] = most_frequent(counts, share // 2)

    def total(self) -> Counter[str]:
        """Whole numbers, none below 1."""
        if set(self._by_weight) <= {1.0}:
            return self._by_weight.get(1.0, Counter())
        exact: dict[str, float] = {}
        for weight, counts in self._by_weight.items():
            for word, count in counts.items():
                exact[word] = exact.get(word, 0.0) + weight * count
        return Counter({word: max(1, round(count)) for word, count in exact.items()})


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
