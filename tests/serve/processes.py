"""Servers as processes of their own, always ended."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


class Server:
    """A server with its log."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )
        self.lines: list[dict[str, Any]] = []
        self.plain: list[str] = []
        self._changed = threading.Condition()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                if line.startswith("{"):
                    self.lines.append(json.loads(line))
                else:
                    self.plain.append(line)
                self._changed.notify_all()

    def until(self, event: str, times: int = 1, seconds: float = 60.0) -> dict[str, Any]:
        """The line of an event, once it has happened so often."""
        with self._changed:
            happened: Callable[[], bool] = lambda: len(self.of(event)) >= times  # noqa: E731
            assert self._changed.wait_for(happened, seconds), (event, self.lines[-5:], self.plain)
            return self.of(event)[times - 1]

    def of(self, event: str) -> list[dict[str, Any]]:
        """All lines of an event."""
        return [line for line in self.lines if line["event"] == event]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.until('listening')['port']}"

    def end(self, seconds: float = 20.0) -> int:
        """The exit code, once it has ended by itself and its log is read."""
        code = self.process.wait(seconds)
        self._reading.join(seconds)
        return code


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[Server]:
    """A server from `python ARGUMENTS`."""
    server = Server([*arguments], environment)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server._reading.join(10)
        if server.process.stderr is not None:
            server.process.stderr.close()


@contextmanager
def fake_server(**settings: Any) -> Iterator[Server]:
    """One of models that compute nothing, ready."""
    values = {"port": 0, "notice_seconds": 0.4, "log_requests": False, **settings}
    with process("-m", "tests.serve.fake_server", json.dumps(values, default=str)) as server:
        server.until("ready")
        yield server


def status(server: Server, key: str) -> int:
    """What a caller with this key is told."""
    return httpx.get(f"{server.url}/v1/models", headers={"authorization": f"Bearer {key}"}).status_code
