"""Work that is done while training goes on: one piece at a time, and its error is raised to the trainer."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Background:
    """Runs what it is given in a thread of its own, or at once where that is not wanted. Use it in a `with` block."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="background")
        self._last: Future[None] | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Begin a piece of work, when the one before is done. Raises what that one raised."""
        self.wait()
        if self.wanted:
            self._last = self._executor.submit(work)
        else:
            work()

    def check(self) -> None:
        """Raise what the last piece of work raised, if it is done."""
        if self._last is not None and self._last.done():
            self.wait()

    def wait(self) -> None:
        """Wait for the last piece of work, and raise what it raised."""
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown(wait=True)
