"""The tokenising threads of a worker."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Thread

from encodery.errors import UserError
from encodery.serve.answers import DeadlineExceeded, InvalidRecord, Refusal
from encodery.serve.batcher import Unit
from encodery.serve.predictor import Predictor
from encodery.serve.request import Request
from encodery.serve.unexpected import unexpected

Add = Callable[[list[Unit]], None]
Refuse = Callable[[Request, Refusal], None]
SHORT_CHARACTERS = 2_000
"""A single text of at most so many is tokenised where it was read: to wake another thread takes as long."""
LONG_CHARACTERS = 20_000
"""A request with a longer text is tokenised beside the others, not before them."""


class Lane(Thread):
    """Prepares one record of each request in turn, so that none waits for all records of another."""

    def __init__(self, predictor: Predictor, add: Add, refuse: Refuse) -> None:
        """`add` takes what of a record is to be computed."""
        super().__init__(daemon=True)
        self.predictor = predictor
        self.add = add
        self.refuse = refuse
        self.busy_since: float | None = None
        """When the record that is being prepared was begun."""
        self._changed = Condition()
        self._requests: deque[Request] = deque()

    def put(self, request: Request) -> None:
        """A request with at least one record."""
        with self._changed:
            self._requests.append(request)
            self._changed.notify()

    def run(self) -> None:
        """Until the process ends."""
        for request in self._in_turn():
            self.prepare_next(request, self.add)
            if request.has_next and not request.is_gone:
                self.put(request)

    def prepare_next(self, request: Request, add: Add) -> None:
        """The next record of a request, where somebody still waits for it."""
        if request.is_gone:
            return
        if request.is_late:
            self.refuse(request, DeadlineExceeded("the deadline passed before all of it was computed"))
            return
        place, record = request.next_record()
        self.busy_since = started = time.monotonic()
        try:
            prepared = self.predictor.prepare(record, f"record {place + 1}", request.task)
        except UserError as error:
            self.refuse(request, InvalidRecord(str(error), place=place))
        except Exception as error:
            self.refuse(request, unexpected("reading a record", error, place))
        else:
            self.busy_since = None
            add(request.prepare(place, prepared, time.monotonic() - started))
        finally:
            self.busy_since = None

    def _in_turn(self) -> Iterator[Request]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._requests)
                request = self._requests.popleft()
            yield request
