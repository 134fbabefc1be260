"""Python processes that have imported everything before they begin: forked from one that waits.

A training run imports for four seconds (PyTorch, its compiler, its distributed package) and then computes for one.
Where a test needs a process to kill, or two that talk, `Forked(["-m", "encodery", ...])` gives what
`subprocess.Popen([sys.executable, "-m", "encodery", ...])` would: a process of its own, with its own environment,
folder, output and exit code. Not for tests of the start itself, and not for variables that a library reads as it is
imported (OMP_NUM_THREADS is 1).

    python -m tests.forking DESCRIPTOR

is the process that waits. A request is a line of JSON, and with it come three descriptors: standard output, standard
error, and the one on which the number of the process and later its exit code are told.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
IMPORTED = ("encodery.cli", "encodery.stages", "torch._dynamo", "torch.distributed.fsdp")


class Request(NamedTuple):
    """What to run, where, in which environment."""

    arguments: list[str]
    folder: str
    environment: dict[str, str]


class Forked:
    """A process, asked as one of `subprocess.Popen` is whose output is read as text."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.returncode: int | None = None
        self._files = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(2)]  # noqa: SIM115
        told, tell = os.pipe()
        self._told = os.fdopen(told, "rb", buffering=0)
        request = json.dumps([[*arguments], str(folder), dict(environment)]).encode() + b"\n"
        try:
            socket.send_fds(_waiting(), [request], [*(file.fileno() for file in self._files), tell])
        finally:
            os.close(tell)
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """The exit code, if there is one."""
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.returncode = int(self._told.readline())
        return self.returncode

    def communicate(self, timeout: float = 120.0) -> tuple[str, str]:
        """What it has said on standard output and on standard error, once it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not ended so soon.
        """
        if self.poll() is None and not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        self.poll()
        said = []
        for file in self._files:
            file.seek(0)
            said.append(file.read())
            file.close()
        self._told.close()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        """To a process that is still there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


@cache
def _waiting() -> socket.socket:
    """The way to the process that waits; it ends with this one."""
    ours, theirs = socket.socketpair()
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )

    def end() -> None:
        ours.shutdown(socket.SHUT_RDWR)
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _next_of(asked: socket.socket) -> Request | None:
    """In a new process what that one is to do; none in the one that waits, once nobody asks any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        content, descriptors, *_ = socket.recv_fds(asked, 1 << 20, 3)
        while content and not content.endswith(b"\n"):
            content += asked.recv(1 << 20)
        if not content:
            return None
        if os.fork() == 0:
            asked.close()
            _become(*descriptors)
            return Request(*json.loads(content))
        for descriptor in descriptors:
            os.close(descriptor)


def _become(out: int, err: int, tell: int) -> None:
    """Return in a new process that says what it says there; this one waits for its end, tells it and ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    process = os.fork()
    if process == 0:
        os.close(tell)
        return
    with suppress(BrokenPipeError):
        os.write(tell, b"%d\n" % process)
        os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    os._exit(0)


def _run(request: Request) -> None:
    """As the interpreter does with `-m MODULE` or `-c CODE`."""
    how, what, *arguments = request.arguments
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    sys.path[0] = request.folder
    sys.argv = [how, *arguments]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


def _code_of(request: Request) -> int:
    """Run it to its end, of which what is wrong is said as the interpreter says it."""
    try:
        _run(request)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """As the interpreter, but without taking apart what was imported, which takes longer than most of what is run."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is common to all is looked through, and so copied, by none
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        found = _next_of(requests)
    if found is not None:
        _end(_code_of(found))
