"""The servers that `encodery bench serve` compares, each a process of its own that is ended with all its children."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from encodery.bench.clients import HOST, Request
from encodery.bench.engines import ENVIRONMENT
from encodery.bench.plain_app import VARIABLE
from encodery.bench.predict_setup import Ground
from encodery.errors import UserError

START_SECONDS, END_SECONDS = 120.0, 30.0
OURS, PLAIN, OPENVINO, INFINITY = "encodery", "plain", "plain-openvino", "infinity"
NAMES = {
    OURS: "encodery serve",
    PLAIN: "FastAPI + the same bundle, no batching",
    OPENVINO: "FastAPI + OpenVINO int8, no batching",
    INFINITY: "infinity-emb",
}


@dataclass(frozen=True)
class Launch:
    """How a server is started, and asked."""

    command: Sequence[str]
    path: str
    health: str
    text_key: str
    """Of the body, where the text goes."""
    more: Mapping[str, object] = field(default_factory=dict)
    """What else the body holds."""
    environment: Mapping[str, str] = field(default_factory=dict)
    one_in_list: bool = False
    """Whether a single text is a list of one."""

    def request(self, text: str) -> Request:
        """What a client sends."""
        return Request(self.path, {self.text_key: [text] if self.one_in_list else text, **self.more})


def launch(side: str, ground: Ground, port: int) -> Launch:
    """How a side is started on a port."""
    bundle = ground.places.bundles / "int8"
    match side:
        case "encodery":
            quiet = ("--set", "log_requests=false")  # as the plain servers
            ours = (sys.executable, "-m", "encodery", "serve", str(bundle), *quiet, "--port", str(port))
            return Launch(ours, "/v1/text-classification", "/health/ready", "inputs")
        case "plain" | "plain-openvino":
            engine = "encodery-int8" if side == "plain" else "openvino-int8"
            places = map(str, (ground.places.folder, ground.places.files, ground.places.bundles))
            factory = "encodery.bench.plain_app:make_app"
            uvicorn = ("-m", "uvicorn", "--factory", factory, "--log-level", "error", "--no-access-log")
            environment = {VARIABLE: json.dumps([engine, *places])}
            plain = (sys.executable, *uvicorn, "--port", str(port))
            return Launch(plain, "/classify", "/docs", "text", environment=environment)
        case _:
            assert ground.other_python is not None, "infinity-emb runs in the other Python"
            program = ground.other_python.with_name("infinity_emb")
            model = ("--model-id", str(ground.places.folder), "--served-model-name", "bench")
            settings = ("--engine", "torch", "--device", "cpu", "--no-bettertransformer", "--no-model-warmup")
            return Launch(
                (str(program), "v2", *model, *settings, "--port", str(port)),
                "/classify",
                "/health",
                "input",
                {"model": "bench"},
                one_in_list=True,
            )


def end_on_terminate() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that no server outlives it."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)


class Server:
    """A server that runs; a context manager, ready to answer when the block is entered."""

    def __init__(self, name: str, launched: Launch, port: int, log: Path) -> None:
        self.name = name
        self.port = port
        self._launched = launched
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                launched.command,
                stdout=output,
                stderr=output,
                env={**os.environ, **ENVIRONMENT, **launched.environment},
                start_new_session=True,  # Ctrl-C is for us, and its children can be found
            )

    def __enter__(self) -> "Server":
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.close()
                said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise UserError(f"bench serve: {self.name} did not start: {(said or ['it said nothing'])[-1]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def request(self, text: str) -> Request:
        """What a client sends for a text."""
        return self._launched.request(text)

    def close(self) -> None:
        """Ask it to stop; kill what is left of it and of its children."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}{self._launched.health}", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def start(side: str, ground: Ground) -> Server:
    """A server of this side on a free port.

    Raises:
        UserError: it is not installed.
    """
    if side == INFINITY and not (ground.other_python and ground.other_python.with_name("infinity_emb").exists()):
        raise UserError("infinity-emb is not installed in the Python of --peers")
    port = free_port()
    return Server(NAMES[side], launch(side, ground, port), port, ground.work / f"{side}.txt")


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
