"""The thread of a worker that decodes what was computed and sends it."""

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from encodery.serve.answers import BadOutput, Refusal
from encodery.serve.frames import FrameError
from encodery.serve.json_line import NotFinite, json_line
from encodery.serve.messages import Message, Refused, pack_message
from encodery.serve.request import Request
from encodery.serve.unexpected import unexpected


class Wire:
    """The worker's end of the socket, for writing by any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = Lock()

    def send(self, message: Message, parts: Sequence[bytes] = ()) -> None:
        """Where nobody listens, the server is gone, and this process is about to end.

        Raises:
            FrameError: it is too large.
        """
        frame = pack_message(message, parts)
        with self._lock, suppress(OSError):
            self._connection.sendall(frame)


class Sending(Thread):
    """Decodes and sends in the order in which records were computed, while the engine computes the next ones."""

    def __init__(self, wire: Wire, computed: Callable[[], int], forget: Callable[[Request], None]) -> None:
        """`computed` is how many tokens the worker has computed, `forget` is called when a request got its answer."""
        super().__init__(daemon=True)
        self.wire = wire
        self.computed = computed
        self.forget = forget
        self.busy_since: float | None = None
        self._given = self._done = 0  # records; the first is written by the thread that gives them, the second by us
        self._waiting: SimpleQueue[tuple[Request, int | Refusal]] = SimpleQueue()

    def finish(self, records: Sequence[tuple[Request, int]], is_idle: bool) -> None:
        """Records all windows of which were computed, from the thread that computed them; it does it all itself where
        it has nothing better to do, for to wake another thread takes as long."""
        if is_idle and self._given == self._done:
            for request, record in records:
                self._decode(request, record)
            return
        self._given += len(records)
        for item in records:
            self._waiting.put(item)

    def refuse(self, request: Request, refusal: Refusal) -> None:
        """A request that gets no answer; nothing more of it is computed."""
        if not request.is_gone:
            request.is_gone = True
            self._waiting.put((request, refusal))

    def run(self) -> None:
        """Until the process ends."""
        while True:
            request, what = self._waiting.get()
            self.busy_since = time.monotonic()
            if isinstance(what, Refusal):
                self._refuse(request, what)
            else:
                self._decode(request, what)
                self._done += 1
            self.busy_since = None

    def _decode(self, request: Request, record: int) -> None:
        if request.is_gone:
            return
        started = time.monotonic()
        try:
            document = to_json(request.decode(record), record)
        except Refusal as refusal:
            self._refuse(request, refusal)
            return
        except Exception as error:
            self._refuse(request, unexpected("decoding", error, record))
            return
        request.keep(record, document, time.monotonic() - started)
        if request.is_done:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        answered, documents = request.answer(self.computed())
        self.forget(request)
        try:
            self.wire.send(answered, documents)
        except FrameError as error:
            self._refuse(request, Refusal(f"the predictions are too large: {error}; ask for fewer at once"))

    def _refuse(self, request: Request, refusal: Refusal) -> None:
        request.is_gone = True
        self.forget(request)
        told = Refused(request.number, refusal.code, str(refusal), refusal.retry_after, refusal.place)
        self.wire.send(told)


def to_json(prediction: Mapping[str, Any], record: int = 0) -> bytes:
    """A prediction as JSON.

    Raises:
        BadOutput: a number in it is not finite.
    """
    try:
        return json_line(prediction)
    except NotFinite as error:
        raise BadOutput(f"record {record + 1}: {error}", place=record) from None
