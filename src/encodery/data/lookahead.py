"""What will be read is read ahead, so that it is near by then."""

from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from encodery.errors import UserError


class Lookahead:
    """A thread that reads for nothing but what reading brings near.

    One thing at a time: what is asked for in between is not read ahead. An error is passed over: it comes up again
    when what caused it is read in earnest. The thread ends with the process, whatever it is doing.
    """

    def __init__(self, read: Callable[[int], None]) -> None:
        self._read = read
        self._thread: Thread | None = None

    def ask(self, number: int) -> None:
        """Begin to read, if nothing is being read."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._pass_over_errors, args=(number,), name="lookahead", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Until nothing is being read."""
        if self._thread is not None:
            self._thread.join()

    def _pass_over_errors(self, number: int) -> None:
        with suppress(UserError, OSError):
            self._read(number)
