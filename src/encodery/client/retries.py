"""How often a request is sent again, and how long is waited before."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

Draw = Callable[[float, float], float]
"""A number between two, as `random.uniform` draws it."""


@dataclass(frozen=True)
class Retries:
    """Waits double from `base` to `longest` seconds. Each is drawn between zero and that, so that callers who were
    refused together do not come back together ("full jitter", Brooker 2015).

    What the server asks for in `Retry-After` is waited at least, with up to `spread` of it on top.
    """

    most: int = 5
    """Times that a request is sent again; 0 for never."""
    base: float = 0.1
    longest: float = 8.0
    spread: float = 0.25

    def wait(self, attempt: int, retry_after: float | None, draw: Draw) -> float:
        """Seconds before a request is sent again whose first sending was attempt 0."""
        if retry_after is not None:
            return retry_after + draw(0.0, self.spread * retry_after)
        return draw(0.0, min(self.longest, self.base * 2.0 ** min(attempt, 60)))


def read_retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds from a header `Retry-After`, which is a number or a date (RFC 9110, section 10.2.3); None without one
    that can be read."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now()
        except (ValueError, OverflowError):
            return None
    return max(seconds, 0.0) if seconds < float("inf") else None
