"""Where a training loop is held and timed from outside, without a change to the loop.

An engine calls `arrive` at the beginning of every step. There the gate holds it until so many steps are ordered, lets
these through, and reports when the engine arrives for the next one: from gate to gate is everything a step costs, the
data, the optimizer, clipping and logging included.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable


class Finished(Exception):  # noqa: N818 (the end of a benchmark is no error)
    """No more steps are wanted."""


@runtime_checkable
class Steps(Protocol):
    """What an engine tells of its steps."""

    def arrive(self) -> None:
        """A step begins."""

    def add(self, tokens: int) -> None:
        """The step that has begun holds so many tokens; padding does not count."""


class Gate:
    """Reads orders (`{"steps": n}` a line) and answers each with `{"seconds", "tokens", "peak_bytes"}`."""

    def __init__(
        self,
        orders: Iterator[str],
        report: Callable[[str], object],
        peak_bytes: Callable[[], int],
        synchronize: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`report` takes one line, `peak_bytes` is the memory high-water mark, `synchronize` awaits queued work."""
        self._orders = orders
        self._report = report
        self._peak_bytes = peak_bytes
        self._synchronize = synchronize
        self._clock = clock
        self._left = 0
        self._tokens = 0
        self._started: float | None = None

    def ready(self, parameters: int) -> None:
        """The engine is set up; `parameters` is the size of its model."""
        self._send({"parameters": parameters})

    def arrive(self) -> None:
        """Begin a step, as soon as it is wanted.

        Raises:
            Finished: the orders have ended.
        """
        if self._left == 0:
            self._synchronize()
            if self._started is not None:
                seconds = self._clock() - self._started
                self._send({"seconds": seconds, "tokens": self._tokens, "peak_bytes": self._peak_bytes()})
            self._left = self._next_order()
            self._tokens = 0
            self._started = self._clock()
        self._left -= 1

    def add(self, tokens: int) -> None:
        """Count tokens of the step that has begun."""
        self._tokens += tokens

    def _next_order(self) -> int:
        line = next(self._orders, None)
        if line is None:
            raise Finished
        return int(json.loads(line)["steps"])

    def _send(self, values: dict[str, int | float]) -> None:
        self._report(json.dumps(values))
