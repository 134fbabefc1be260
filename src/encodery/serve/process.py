"""One worker process, as the server sees it: started, asked, watched, ended."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import cast

from encodery.errors import UserError
from encodery.serve.frames import FrameError, Splitter
from encodery.serve.job import WorkerJob, WorkerSettings
from encodery.serve.messages import (
    Answered,
    Failed,
    Message,
    Ping,
    Pong,
    Ready,
    Refused,
    pack_message,
    read_message,
)

WORKER = "encodery.serve.worker"
END_SECONDS = 2.0
"""A process has so long to end."""
SILENT_WAITS: Mapping[str, str] = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    "GOMP_SPINCOUNT": "0",
}
"""Threads that wait must sleep: where they spin, a neighbour on one core multiplies the latency by ten."""
OFFLINE: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


class WorkerDiedError(Exception):
    """A worker has ended; the message says how."""


class WorkerProcess(asyncio.Protocol):
    """A process and the socket to it. Everything happens in the event loop that started it."""

    def __init__(
        self, settings: WorkerSettings, heard: Callable[[Message, bytes], None], lost: Callable[[str], None]
    ) -> None:
        """`heard` is called with each answer, refusal and pong, `lost` once, when the process has ended unasked."""
        self.settings = settings
        self.heard = heard
        self.lost = lost
        self.ready: Ready | None = None
        self._began: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._has_ended = False
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._splitter = Splitter()
        self._reason: str | None = None
        self._is_asked = False
        self._unheard = 0
        self._watch: asyncio.Task[None] | None = None
        self._reporting: asyncio.Task[None] | None = None

    async def start(self, name: str, folder: Path) -> Ready:
        """Start the process and wait until it is ready.

        Raises:
            UserError: the folder cannot be served.
            WorkerDiedError: the process ended, or took too long.
            OSError: there are no more processes or files to have.
        """
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = spawn(self.settings, name, folder, theirs)
        except OSError:
            ours.close()
            raise
        ours.setblocking(False)
        await loop.create_unix_connection(lambda: self, sock=ours)
        try:
            async with asyncio.timeout(self.settings.load_seconds):
                self.ready = await asyncio.shield(self._began)
        except TimeoutError:
            await self.stop()
            raise WorkerDiedError(f"not ready after {self.settings.load_seconds:g} s") from None
        except BaseException:
            await self.stop()
            raise
        self._watch = loop.create_task(self._heartbeat())
        return self.ready

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return None if self._process is None else self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self.ready is not None and not (self._is_asked or self._has_ended or self._reason)

    def send(self, message: Message) -> None:
        """Raises as `pack_message`; what is sent to a worker that has ended is lost, and `lost` is called for it."""
        frame = pack_message(message)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    async def stop(self, seconds: float = END_SECONDS) -> None:
        """End it: it ends by itself when the socket closes, and is killed where that takes longer than `seconds`."""
        self._is_asked = True
        if self._transport is not None:
            self._transport.close()
        if self._watch is not None:
            self._watch.cancel()
        if self._process is None:
            return
        if self.ready is None:  # it loads, and would not see that the socket closed
            self._process.kill()
        try:
            await self._gone(seconds)
        finally:  # also where we are told not to wait
            if self._process.poll() is None:
                self._process.kill()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(END_SECONDS)
        tasks = (task for task in (self._watch, self._reporting) if task is not None)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _gone(self, seconds: float) -> None:
        """Wait so long for its end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._process is not None and self._process.poll() is None:
                    await asyncio.sleep(0.01)

    def kill(self, reason: str) -> None:
        """End it at once; `lost` is called with the reason."""
        self._reason = self._reason or reason
        if self._process is not None:
            self._process.kill()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of its own class

    def data_received(self, data: bytes) -> None:
        """Of `asyncio.Protocol`."""
        self._unheard = 0
        try:
            for frame in self._splitter.feed(data):
                self._take(read_message(frame), frame.body)
        except FrameError as error:
            self.kill(f"it sent what is no message ({error})")

    def connection_lost(self, error: Exception | None) -> None:
        """Of `asyncio.Protocol`: the process ends, or is made to."""
        if self._watch is not None:
            self._watch.cancel()
        self._has_ended = True
        if self._process is not None and not self._is_asked:
            self._reporting = asyncio.get_running_loop().create_task(self._report())

    async def _report(self) -> None:
        assert self._process is not None
        await self._gone(END_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            await self._gone(END_SECONDS)  # not for ever: a process that waits for a device may outlive its death
        reason = self._reason or how_it_ended(self._process.returncode)
        if not self._began.done():
            self._began.set_exception(WorkerDiedError(reason))
            self._began.exception()  # where nobody waits for it any more, that is no fault
        elif self.ready is not None and not self._is_asked:
            self.lost(reason)

    def _take(self, message: Message, body: bytes) -> None:
        match message:
            case Ready() if not self._began.done():
                self._began.set_result(message)
            case Failed() if not self._began.done():
                self._began.set_exception(UserError(message.message))
            case Answered() | Refused():
                self.heard(message, body)
            case Pong():
                self.heard(message, body)
                if message.busy_seconds > self.settings.stuck_seconds:
                    self.kill(f"it was stuck for {message.busy_seconds:.1f} s")
            case _:
                raise FrameError(f"a worker does not say {type(message).__name__} now")

    async def _heartbeat(self) -> None:
        """Ask it again and again. Counted in questions, not by the clock: this process may have been stopped, too."""
        allowed = ceil(self.settings.silent_seconds / self.settings.heartbeat_seconds)
        number = 0
        while True:
            await asyncio.sleep(self.settings.heartbeat_seconds)
            if self._unheard >= allowed:
                self.kill(f"it was silent for {self.settings.silent_seconds:g} s")
                return
            self._unheard += 1
            number += 1
            self.send(Ping(number))


def spawn(settings: WorkerSettings, name: str, folder: Path, connection: socket.socket) -> subprocess.Popen[bytes]:
    """Start the process of a worker with its end of the socket, no other file of ours, and a group of its own: what a
    terminal sends to us is not sent to it."""
    job = WorkerJob(
        fd=connection.fileno(), name=name, folder=folder, threads=settings.threads, batch_tokens=settings.batch_tokens
    )
    command = [sys.executable, "-m", WORKER, job.model_dump_json()]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env=environment(settings), pass_fds=[connection.fileno()], process_group=0
    )


def environment(settings: WorkerSettings) -> dict[str, str]:
    """Ours, with threads that wait asleep, as many as were asked for, and no network."""
    threads = {} if settings.threads is None else {"OMP_NUM_THREADS": str(settings.threads)}
    return {**os.environ, **SILENT_WAITS, **OFFLINE, **threads}


def how_it_ended(code: int | None) -> str:
    """In words."""
    if code is not None and code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with code {code}"
