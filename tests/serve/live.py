"""Servers that are really listening: the application over models whose answers are known, and `encodery serve` itself."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from encodery.serve.running import configure, listen
from encodery.serve.service import Service

PATIENCE = 60.0


class _Quiet(uvicorn.Server):
    """Signals are for the main thread alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def listening(service: Service) -> Iterator[str]:
    """The address at which a service answers, from a thread, as `encodery serve` would let it. Its port is 0."""
    listener = listen(service.settings)
    server = _Quiet(configure(service))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()


class Process:
    """`encodery serve` in a process of its own."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "encodery", "serve", *arguments, "--port", "0"]
        with log.open("wb") as stream:
            self.popen = subprocess.Popen(command, stderr=stream, env={**os.environ, "OMP_NUM_THREADS": "1"})

    def said(self, event: str) -> str | None:
        """The line of the log in which an event stands, if it has been."""
        found = re.search(rf'^.*"event":"{event}".*$', self.log.read_text(), re.MULTILINE)
        return found and found[0]

    def stop(self) -> int:
        """Ask it to end, and be sure that it does; its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        try:
            return self.popen.wait(PATIENCE)
        finally:
            self.popen.kill()
            self.popen.wait()
