"""The parent's side of a worker process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from encodery.bench.jobs import Job
from encodery.bench.machine import OthersWatch
from encodery.bench.rounds import Block
from encodery.errors import UserError

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DO_NOT_TRACK": "1",
}
_END_SECONDS = 30.0
NO_CHANGES: Mapping[str, str] = {}


def start(job: Job, folder: Path, work: Path) -> "Worker":
    """The worker of a job. `folder` holds the workload; `work` is the worker's own, new folder."""
    work.mkdir(parents=True)
    command = (sys.executable, "-m", "encodery.bench.worker", job.model_dump_json(), str(folder), str(work))
    return Worker(f"{job.engine} {job.work}", command, work / "stderr.txt")


class Worker:
    """An engine in a process of its own; a context manager, ready to run when the block is entered."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] = NO_CHANGES
    ) -> None:
        """`command` reads orders and writes reports, a JSON line each; `log` is where its other words go."""
        self._name = name
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **ENVIRONMENT, "CUDA_VISIBLE_DEVICES": _first_device(), **environment},
                start_new_session=True,  # Ctrl-C is for us; the worker ends when its orders end
            )
        self.ready: dict[str, Any] = {}
        """What it said when it was set up."""

    def __enter__(self) -> "Worker":
        try:
            self.ready = self._receive()
        except BaseException:  # `__exit__` is not called when entering fails
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def parameters(self) -> int:
        """Size of the engine's model."""
        return int(self.ready["parameters"])

    def run(self, steps: int) -> Block:
        """Run this many steps, and say what they took; `gate.Gate` is at the other end.

        Raises:
            UserError: the process has died; names the last thing it said.
        """
        report, others_cores = self.ask({"steps": steps})
        return Block(
            seconds=report["seconds"],
            tokens=int(report["tokens"]),
            peak_bytes=int(report["peak_bytes"]),
            others_cores=others_cores,
        )

    def ask(self, order: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """The report on an order, and the cores that others took meanwhile.

        Raises:
            UserError: the process has died; names the last thing it said.
        """
        with OthersWatch((os.getpid(), self._process.pid)) as others:
            self._send(order)
            report = self._receive()
        return report, others.cores

    def close(self) -> None:
        """End the orders and wait for the process; one that does not end is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it has died already, and been reported
            self._process.stdin.close()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _send(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._died() from None

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        report: dict[str, Any] = json.loads(line)
        return report

    def _died(self) -> UserError:
        code = self._process.wait()
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["it said nothing"]
        if code == -signal.SIGKILL:
            said = ["it was killed, most likely because memory ran out: leave cases out with --case"]
        return UserError(f"bench: the process of {self._name} ended with code {code}: {said[-1]}")


def _first_device() -> str:
    """One GPU for either side: with more, the peer would spread its batches over them."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
