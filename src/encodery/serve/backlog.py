"""How much waits for a worker, how long that takes it, and what is refused because of that."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encodery.serve.answers import DeadlineExceeded, Overloaded

PER_RECORD = 4
"""Characters that every record is longer than its texts are, for the special tokens and the work around it."""
FIRST_RATIO = 0.25
"""Tokens per character, until there are answers that tell."""
MEMORY_SECONDS = 1.0
"""After so much time under load, an older speed counts for 37 %."""
PRIOR_SECONDS = 0.1
"""The speed of the warm-up counts as so much time: it was measured while nothing else was done."""
MEMORY_TOKENS = 10_000.0


def characters(value: Any) -> int:
    """Of all texts in a record."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(characters, value.values()))
    return sum(map(characters, value)) if isinstance(value, list | tuple) else 0


def size_of(records: Sequence[str | Mapping[str, Any]]) -> int:
    """How much work records are, in characters."""
    return sum(map(characters, records)) + PER_RECORD * len(records)


@dataclass(frozen=True)
class Place:
    """What a request takes in the queue, in tokens as they were estimated when it came."""

    tokens: float
    share: float
    """At most a batch: a longer request lets the others pass (`batcher`)."""


class Backlog:
    """The queue of one model, in tokens, and the speed at which it drains, in tokens per second."""

    def __init__(self, max_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """A request that would wait for longer than `max_seconds` before its own turn is refused."""
        self.max_seconds = max_seconds
        self.clock = clock
        self.tokens = 0.0
        self._shares = 0.0
        self._batch_tokens = 1
        self._work = self._seconds = 0.0
        self._mark = (clock(), 0, False)
        self._tokens_seen = FIRST_RATIO * MEMORY_TOKENS
        self._characters_seen = MEMORY_TOKENS

    def begin(self, batch_tokens: int, tokens_per_second: float) -> None:
        """A worker is ready, that was so fast when it warmed up."""
        self._batch_tokens = batch_tokens
        self._work, self._seconds = tokens_per_second * PRIOR_SECONDS, PRIOR_SECONDS
        self._mark = (self.clock(), 0, False)

    @property
    def tokens_per_second(self) -> float:
        """The speed at which the queue drains; infinite while no worker told any."""
        return self._work / self._seconds if self._seconds else math.inf

    @property
    def seconds(self) -> float:
        """How long all that waits will take."""
        return self.tokens / self.tokens_per_second

    def enter(self, size: int, deadline: float | None) -> Place:
        """Take a place for a request of so many characters.

        Raises:
            Overloaded: it would wait for too long.
            DeadlineExceeded: it could not be answered in time.
        """
        tokens = size * self._tokens_seen / self._characters_seen
        place = Place(tokens, min(tokens, float(self._batch_tokens)))
        ahead = self._shares if tokens <= self._batch_tokens else self.tokens
        wait = ahead / self.tokens_per_second
        if deadline is not None and (lack := self.clock() + wait + tokens / self.tokens_per_second - deadline) > 0:
            raise DeadlineExceeded(
                f"the deadline cannot be met: {wait:.3f} s of other work come first, {lack:.3f} s too much",
                retry_after=wait,
            )
        if wait > self.max_seconds:
            raise Overloaded(
                f"the queue is {wait:.3f} s long, at most {self.max_seconds:g} s are allowed",
                retry_after=wait - self.max_seconds,
            )
        self.tokens += place.tokens
        self._shares += place.share
        return place

    def leave(self, place: Place) -> None:
        """The request was answered, refused or forgotten."""
        self.tokens = max(0.0, self.tokens - place.tokens)
        self._shares = max(0.0, self._shares - place.share)

    def note(self, computed: int) -> None:
        """What a worker has computed since it began. Only where a queue stood all the while does that tell how fast
        it drains: else the worker waited for work."""
        now = self.clock()
        then, before, was_full = self._mark
        is_full = self.tokens > min(2.0 * self._batch_tokens, 0.5 * self.max_seconds * self.tokens_per_second)
        elapsed = now - then
        if was_full and is_full and elapsed > 0 and computed >= before:
            kept = math.exp(-elapsed / MEMORY_SECONDS)
            self._work = self._work * kept + (computed - before)
            self._seconds = self._seconds * kept + elapsed
        self._mark = (now, computed, is_full)

    def learn(self, size: int, num_tokens: int) -> None:
        """An answer tells how many tokens its characters were."""
        kept = math.exp(-num_tokens / MEMORY_TOKENS)
        self._tokens_seen = self._tokens_seen * kept + num_tokens
        self._characters_seen = self._characters_seen * kept + size
