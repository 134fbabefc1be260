"""The next batch is made while the model works on this one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from encodery.batch import Batch


class Loader:
    """Batches of consecutive steps, each made one step ahead in a thread of its own.

    The order and the content are those of calling `make_batch` directly; an exception in it is raised to the reader
    at its step. Use it in a `with` block, or call `close`.
    """

    def __init__(self, make_batch: Callable[[int], Batch], start: int, stop: int) -> None:
        """Batches of the steps `start : stop`."""
        self._make_batch = make_batch
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader")
        self._steps = iter(range(start, stop))
        self._waiting: Future[Batch] | None = None
        self._make_next()

    def __iter__(self) -> "Loader":
        return self

    def __next__(self) -> Batch:
        """The batch of the next step."""
        if self._waiting is None:
            raise StopIteration
        batch = self._waiting.result()
        self._make_next()
        return batch

    def close(self) -> None:
        """Wait for the batch in the making, and end the thread."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "Loader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make_next(self) -> None:
        """Begin the batch of the next step, if there is one."""
        step = next(self._steps, None)
        self._waiting = None if step is None else self._executor.submit(self._make_batch, step)
