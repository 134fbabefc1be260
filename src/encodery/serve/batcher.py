"""Sequences of many requests, in batches of so many tokens: nothing waits while the engine is idle.

While one batch computes, the next one collects: what arrived meanwhile is in it. Which sequences come first is
decided by fair queueing (Demers, Keshav and Shenker 1989; start tags as in Goyal et al. 1996): every request gets an
equal share of the engine, so that one text does not wait for a request of thousands, and the requests of one size are
served in the order in which they came.
"""

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Condition
from typing import Protocol, runtime_checkable

LOOK_AHEAD = 32
"""So many sequences that do not fit may be passed over to fill a batch; the next batch begins with them."""


@runtime_checkable
class Asker(Protocol):
    """Whoever waits for sequences to be computed: a request."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits for it any more."""

    @property
    def deadline(self) -> float | None:
        """When it is too late."""


@dataclass(frozen=True)
class Unit:
    """A sequence that waits; `record` and `window` say which one of its asker's."""

    asker: Asker
    work: Hashable
    """Only sequences of the same work can be in one batch."""
    num_tokens: int
    record: int = 0
    window: int = 0


@dataclass(frozen=True)
class Taken:
    """A batch, and those who were found to be too late for it; either may be empty."""

    units: list[Unit]
    late: list[Asker] = field(default_factory=list)


@dataclass
class _Share:
    """Of one asker: where its next sequence stands in virtual time, and how many of its sequences wait."""

    tag: float
    waiting: int = 0


class Batcher:
    """A queue that gives batches. Any thread may add, one takes."""

    def __init__(self, max_tokens: int, clock: Callable[[], float]) -> None:
        """A batch has at most `max_tokens` tokens; a longer sequence stands alone. `clock` is that of deadlines."""
        self.max_tokens = max_tokens
        self.clock = clock
        self._changed = Condition()
        self._closed = False
        self._heap: list[tuple[float, int, Unit]] = []
        self._shares: dict[Asker, _Share] = {}
        self._time = 0.0
        self._count = 0

    def add(self, units: list[Unit]) -> None:
        """Sequences of one asker, in their order."""
        with self._changed:
            for unit in units:
                share = self._shares.get(unit.asker)
                if share is None:
                    share = self._shares[unit.asker] = _Share(self._time)
                share.tag = max(share.tag, self._time)
                self._count += 1
                heapq.heappush(self._heap, (share.tag, self._count, unit))
                share.tag += unit.num_tokens
                share.waiting += 1
            self._changed.notify()

    def take(self) -> Taken | None:
        """The next batch, as soon as anything waits; None when the queue was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._heap or self._closed)
            return None if self._closed else self._next()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits at this moment."""
        return not self._heap

    def close(self) -> None:
        """Nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> Taken:
        now = self.clock()
        askers = max(1, len(self._shares))
        batch: list[Unit] = []
        late: dict[Asker, None] = {}
        passed: list[tuple[float, int, Unit]] = []
        room = self.max_tokens
        while self._heap and room > 0 and len(passed) < LOOK_AHEAD:
            entry = heapq.heappop(self._heap)
            unit = entry[-1]
            if unit.asker.is_gone:
                self._leave(unit)
            elif unit.asker.deadline is not None and unit.asker.deadline <= now:
                late[unit.asker] = None
                self._leave(unit)
            elif batch and (unit.work != batch[0].work or unit.num_tokens > room):
                passed.append(entry)
            else:
                batch.append(unit)
                room -= unit.num_tokens
                self._leave(unit)
        for entry in passed:
            heapq.heappush(self._heap, entry)
        self._time += sum(unit.num_tokens for unit in batch) / askers
        return Taken(batch, list(late))

    def _leave(self, unit: Unit) -> None:
        share = self._shares[unit.asker]
        share.waiting -= 1
        if not share.waiting:
            del self._shares[unit.asker]
