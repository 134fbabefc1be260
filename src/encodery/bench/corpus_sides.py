"""A run of a pipeline in a process of its own, watched: time, memory of all its processes, and what others took."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from encodery.bench.corpus_worker import Order
from encodery.bench.engines import ENVIRONMENT
from encodery.bench.machine import busy_ticks, family_of
from encodery.errors import UserError

_EVERY = 0.2
_PROC = Path("/proc")


@dataclass(frozen=True)
class Done:
    """What a run took and kept."""

    seconds: float
    steps: Mapping[str, float]
    """Seconds of each step, all workers together."""
    facts: Mapping[str, float | int]
    """What else the engine says of its run."""
    documents: int
    characters: int
    version: str
    """Of a peer."""
    peak_bytes: int
    """Of all processes together; what they share is counted once."""
    others_cores: float
    """CPU that others used meanwhile, in cores."""


def run_side(order: Order) -> Done:
    """Run it, with its folder `work` made new before and removed after.

    Raises:
        UserError: it failed; names the last thing it said.
    """
    work = Path(order.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    log = work.with_suffix(".log")
    command = (sys.executable, "-m", "encodery.bench.corpus_worker", json.dumps(asdict(order)))
    environment = {**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": "1"}
    try:
        with log.open("wb") as errors:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        with watched(process.pid) as watch:
            written, _ = process.communicate()
        if process.returncode:
            said = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise UserError(f"bench corpus: {order.engine} ended with code {process.returncode}: {said[-1]}")
        report: dict[str, Any] = json.loads(written)
        return Done(**report, peak_bytes=watch.peak_bytes, others_cores=watch.others_cores)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with suppress(FileNotFoundError):
            log.unlink()


@dataclass
class Watch:
    """What a family of processes was seen to use."""

    peak_bytes: int = 0
    others_cores: float = 0.0
    ticks: dict[int, int] = field(default_factory=dict)
    """Of each process that was seen, when it was seen last."""

    def look(self, pids: Sequence[int]) -> None:
        """Note what they use now."""
        size = 0
        for pid in pids:
            with suppress(OSError, IndexError):  # it has ended meanwhile
                size += proportional_bytes((_PROC / str(pid) / "smaps_rollup").read_text())
                fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
                self.ticks[pid] = int(fields[11]) + int(fields[12])
        self.peak_bytes = max(self.peak_bytes, size)


@contextmanager
def watched(pid: int) -> Iterator[Watch]:
    """Look at a process and all that it starts every fifth of a second; nothing is seen where there is no `/proc`."""
    watch, ended = Watch(), threading.Event()

    def look() -> None:
        while not ended.wait(_EVERY):
            watch.look(family_of(pid))

    thread = threading.Thread(target=look, daemon=True)
    started, busy = time.perf_counter(), _busy_seconds()
    own = time.process_time()
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()
        seconds = time.perf_counter() - started
        theirs = sum(watch.ticks.values()) / os.sysconf("SC_CLK_TCK")
        others = _busy_seconds() - busy - theirs - (time.process_time() - own)
        watch.others_cores = max(0.0, others) / max(seconds, 1e-9)


def proportional_bytes(smaps_rollup: str) -> int:
    """The share of a process in the memory that it has, from `/proc/PID/smaps_rollup`."""
    for line in smaps_rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _busy_seconds() -> float:
    stat = _PROC / "stat"
    return busy_ticks(stat.read_text()) / os.sysconf("SC_CLK_TCK") if stat.exists() else 0.0
