"""What became of each entity: right, of another label or extent, missed, or made up."""

from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple

from encodery.tasks.metrics.chunks import Span

Fate = Literal["right", "wrong label", "wrong extent", "wrong label and extent", "missed", "spurious"]
FATES: tuple[Fate, ...] = ("right", "wrong label", "wrong extent", "wrong label and extent", "missed", "spurious")


class Pair(NamedTuple):
    """An entity that is given, the one that was found in its place, or one of them alone."""

    given: Span | None
    found: Span | None

    @property
    def fate(self) -> Fate:
        """What the pair is an instance of."""
        if self.found is None:
            return "missed"
        if self.given is None:
            return "spurious"
        label, extent = self.given[2] == self.found[2], self.given[:2] == self.found[:2]
        if label:
            return "right" if extent else "wrong extent"
        return "wrong label" if extent else "wrong label and extent"


def align(found: Collection[Span], given: Collection[Span]) -> list[Pair]:
    """Each entity of one text once, in the order of the text: equal ones are a pair, then those with the same
    boundaries, then those that overlap: of the same label first, the longest overlap first."""
    candidates = sorted((_unlikeness(one, other), one, other) for one, other in _overlapping(set(given), set(found)))
    left, open_ = set(given), set(found)
    pairs = []
    for _, one, other in candidates:
        if one in left and other in open_:
            left.remove(one)
            open_.remove(other)
            pairs.append(Pair(one, other))
    pairs += [Pair(one, None) for one in left] + [Pair(None, other) for other in open_]
    return sorted(pairs, key=lambda pair: (pair.given or pair.found or (0, 0, ""), pair.given is None))


def _overlapping(first: Collection[Span], second: Collection[Span]) -> Iterator[tuple[Span, Span]]:
    """All pairs that share a character, in one pass: texts may be long."""
    waiting = sorted(second, reverse=True)
    under_way: list[Span] = []
    for one in sorted(first):
        while waiting and waiting[-1][0] < one[1]:
            under_way.append(waiting.pop())
        under_way = [other for other in under_way if other[1] > one[0]]
        yield from ((one, other) for other in under_way if _overlap(one, other) > 0)


def _overlap(first: Span, second: Span) -> int:
    return min(first[1], second[1]) - max(first[0], second[0])


def _unlikeness(first: Span, second: Span) -> tuple[bool, bool, int]:
    """Sorts what belongs together to the front."""
    return first[:2] != second[:2], first[2] != second[2], -_overlap(first, second)
