"""Training for a time in place of a number of steps.

How many steps fit into the time is not known before it is over: the learning rate falls as if the pace so far went
on, so that it ends near zero when the time does. What a step reads is a function of (seed, step) as ever.
"""

import re
import time
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
TENTHS = 10


def _seconds(value: Any) -> Any:
    """Raises `ValueError` for what is no duration."""
    found = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not seconds:
        raise ValueError('a time above zero is a number with its unit: "45s", "30m", "2h" or "1.5d"')
    return seconds


Duration = Annotated[float, BeforeValidator(_seconds), PlainSerializer(lambda seconds: f"{seconds:g}s")]
"""Seconds, written as "2h"."""


class Budget:
    """The time that a run has, over however many sittings; without `seconds` it has all there is.

    It knows the time of the last `look`, so that all it says of a step is about one moment.
    """

    def __init__(
        self, seconds: float | None, spent: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._clock = clock
        self._started = clock() - spent
        self.spent = spent
        """Seconds so far, those of earlier sittings among them."""
        self._tenths = self._tenth()

    def look(self, agreed: Callable[[Callable[[], float]], float] = lambda now: now()) -> None:
        """See how late it is; `agreed` gives several processes the time of one."""
        if self.is_limited:
            self.spent = agreed(lambda: self._clock() - self._started)

    @property
    def is_limited(self) -> bool:
        return self._seconds is not None

    @property
    def is_spent(self) -> bool:
        return self._seconds is not None and self.spent >= self._seconds

    def total_steps(self, step: int, most: int) -> int:
        """How many steps the run will have had, if it goes on as it went to `step`: at most `most`, and one more than
        `step` while there is time."""
        if self._seconds is None or step == 0:
            return most
        if self.is_spent:
            return step
        return min(most, max(step + 1, int(step * self._seconds / max(self.spent, 1e-9))))

    def passes_tenth(self) -> bool:
        """Whether another tenth of the time is over since this was last asked."""
        before, self._tenths = self._tenths, self._tenth()
        return self._tenths > before

    def _tenth(self) -> int:
        return 0 if self._seconds is None else int(TENTHS * self.spent / self._seconds)
