"""The process that computes for one model: `python -m encodery.serve.worker JOB`, questions in, answers out.

One thread reads the socket, two tokenise, one computes, one decodes and sends. A single short text that finds nothing
under way is answered by the first of them alone. The process ends when its socket closes: when the server has gone,
no worker is left behind.
"""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import torch

from encodery.errors import UserError
from encodery.serve.backlog import characters
from encodery.serve.batcher import Batcher
from encodery.serve.computing import Computing, FiniteEngine, NotFiniteError
from encodery.serve.folder_hash import version_of
from encodery.serve.frames import FrameError, Splitter
from encodery.serve.job import WorkerJob
from encodery.serve.messages import Failed, Forget, Message, Ping, Pong, Question, Ready, read_message
from encodery.serve.predictor import Predictor, load
from encodery.serve.request import Request
from encodery.serve.sending import Sending, Wire
from encodery.serve.tokenizing import LONG_CHARACTERS, SHORT_CHARACTERS, Lane
from encodery.serve.unexpected import unexpected
from encodery.serve.warming import warm_up

READ_BYTES = 1 << 18
SWITCH_SECONDS = 0.0005
"""How long a thread may keep the others from running Python; a tenth of the usual, which is as long as a batch."""
_NETWORK = frozenset(
    {
        *("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
        *("socket.getaddrinfo", "socket.getnameinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
    }
)


def main(arguments: list[str]) -> None:
    """Load the model, warm it up, answer until the socket closes."""
    job = WorkerJob.model_validate_json(arguments[0])
    # a service manager sends these to all processes; only the server decides when a worker ends
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.excepthook = end
    sys.addaudithook(refuse_network)
    sys.setswitchinterval(SWITCH_SECONDS)
    connection = socket.socket(fileno=job.fd)
    wire = Wire(connection)
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    try:
        predictor, ready = prepare(job)
    except UserError as error:
        wire.send(Failed(str(error)))
        return
    wire.send(ready)
    Worker(predictor, wire, job.batch_tokens).serve(connection)


def prepare(job: WorkerJob) -> tuple[Predictor, Ready]:
    """The model, loaded and warm.

    Raises:
        UserError: it cannot be loaded, or cannot compute.
    """
    # before it is loaded: where the folder changes meanwhile, the next reload must see that it is another one
    version = version_of(job.folder)
    predictor = load(job.folder, threads=job.threads)
    predictor.engine = FiniteEngine(predictor.engine)
    predictor.max_tokens = max(predictor.max_tokens, job.batch_tokens)
    try:
        return predictor, warm_up(predictor, job.name, job.folder, version, job.batch_tokens)
    except NotFiniteError as error:
        raise UserError(f"{job.folder}: {error}") from None
    except (RuntimeError, MemoryError) as error:  # as engines fail; there are no texts of users yet
        raise UserError(f"{job.folder}: the model cannot compute ({type(error).__name__}: {error!s:.200})") from error


def end(fault: threading.ExceptHookArgs) -> None:
    """A worker without one of its threads would answer nothing for ever; the server starts another one."""
    if isinstance(fault.exc_value, Exception):
        unexpected(f"running {fault.thread.name if fault.thread else 'a thread'}", fault.exc_value)
    os._exit(os.EX_SOFTWARE)


def refuse_network(event: str, details: tuple[Any, ...]) -> None:
    """An audit hook: a model that is served needs no network, whatever a library believes."""
    if event in _NETWORK:
        raise PermissionError(f"a worker opens no connections ({event})")


class Worker:
    """The threads of a worker, and the reader that feeds them."""

    def __init__(self, predictor: Predictor, wire: Wire, batch_tokens: int) -> None:
        self.predictor = predictor
        self.wire = wire
        self.batcher = Batcher(batch_tokens, time.monotonic)
        self.sending = Sending(wire, lambda: self.computing.tokens, self._forget)
        self.computing = Computing(predictor, self.batcher, self.sending)
        self.lane = Lane(predictor, self.batcher.add, self.sending.refuse)
        self.slow_lane = Lane(predictor, self.batcher.add, self.sending.refuse)
        self.dropped = 0
        self._requests: dict[int, Request] = {}

    def serve(self, connection: socket.socket) -> None:
        """Answer until the socket closes."""
        for thread in (self.sending, self.computing, self.lane, self.slow_lane):
            thread.start()
        splitter = Splitter()
        try:
            with suppress(ConnectionError):  # the server is gone
                while data := connection.recv(READ_BYTES):
                    for frame in splitter.feed(data):
                        self.take(read_message(frame))
        except FrameError as error:
            print(f"encodery: worker: {error}", file=sys.stderr, flush=True)

    def take(self, message: Message) -> None:
        """What the server said."""
        match message:
            case Question():
                self._begin(message)
            case Forget(number):
                if (request := self._requests.pop(number, None)) is not None:
                    request.is_gone = True
                    self.dropped += 1
            case Ping(number):
                self.wire.send(self._pong(number))
            case _:
                raise FrameError(f"a server does not say {type(message).__name__}")

    def _begin(self, question: Question) -> None:
        task = self.predictor.task if question.work == "predict" else self.predictor.embedding
        request = self._requests[question.number] = Request(question, task)
        longest = max(map(characters, question.records))
        if len(question.records) == 1 and longest <= SHORT_CHARACTERS:
            self.lane.prepare_next(request, self.computing.offer)
        else:
            (self.slow_lane if longest > LONG_CHARACTERS else self.lane).put(request)

    def _forget(self, request: Request) -> None:
        self._requests.pop(request.number, None)

    def _pong(self, number: int) -> Pong:
        threads = (self.sending, self.computing, self.lane, self.slow_lane)
        begun = [thread.busy_since for thread in threads]
        now = time.monotonic()
        busy = max((now - since for since in begun if since is not None), default=0.0)
        done = self.computing
        return Pong(number, busy, done.batches, done.sequences, done.tokens, self.dropped, done.divided)


if __name__ == "__main__":
    main(sys.argv[1:])
    # other threads may be computing in libraries that do not like to be torn down
    os._exit(0)
