"""Where a benchmark ran, and how much of the machine others took meanwhile."""

import os
import platform
import subprocess
import time
from collections.abc import Collection
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

from encodery import __version__
from encodery.cores import usable_cores

_PROC = Path("/proc")


class OthersWatch:
    """CPU time that processes other than `pids` took while a `with` block ran; 0 where there is no Linux `/proc`."""

    def __init__(self, pids: Collection[int], proc: Path = _PROC) -> None:
        self._pids = pids
        self._proc = proc
        self.seconds = 0.0
        """How long the block took."""
        self.cores = 0.0
        """Others' CPU seconds per second meanwhile."""

    def __enter__(self) -> "OthersWatch":
        self._others, self._started = self._others_seconds(), time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._started
        self.cores = max(0.0, self._others_seconds() - self._others) / max(self.seconds, 1e-9)

    def _others_seconds(self) -> float:
        stat = self._proc / "stat"
        if not stat.exists():
            return 0.0
        ticks = busy_ticks(stat.read_text()) - sum(self._ticks_of(pid) for pid in self._pids)
        return ticks / os.sysconf("SC_CLK_TCK")

    def _ticks_of(self, pid: int) -> int:
        path = self._proc / str(pid) / "stat"
        return process_ticks(path.read_text()) if path.exists() else 0


def busy_ticks(stat: str) -> int:
    """Ticks that all cores were not idle, from `/proc/stat`: user, nice, system, irq, softirq and steal."""
    fields = [int(field) for field in stat.splitlines()[0].split()[1:]]
    return sum(fields[i] for i in (0, 1, 2, 5, 6, 7))


def process_ticks(stat: str) -> int:
    """Ticks of one process and the children it has waited for, from `/proc/PID/stat`."""
    fields = stat.rpartition(")")[2].split()  # a name may hold spaces and brackets
    return sum(int(field) for field in fields[11:15])


def family_of(pid: int, proc: Path = _PROC) -> list[int]:
    """A process and all that it started, and these; itself alone where there is no Linux `/proc`."""
    children: dict[int, list[int]] = {}
    for stat in proc.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for member in found:  # grows while it is read
        found += children.get(member, [])
    return found


def hardware(device: str) -> str:
    """The processor, its cores and the memory, in words; on CUDA the accelerator first."""
    cpuinfo, meminfo = _PROC / "cpuinfo", _PROC / "meminfo"
    model = platform.processor() or platform.machine()
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    words = [f"{model}, {usable_cores()} cores"]
    if meminfo.exists():
        words.append(f"{int(meminfo.read_text().split()[1]) / 2**20:.0f} GiB")
    if device == "cuda":
        import torch

        words.insert(0, torch.cuda.get_device_name())
    return ", ".join(words)


def versions(packages: Collection[str]) -> dict[str, str]:
    """Versions of Encodery, Python and those of the packages that are installed."""
    found = {"encodery": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """The commit of this source, `-dirty` with changes on top; None where it is not a checkout."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    head = _git(here.parent, "rev-parse", "--short=12", "HEAD")
    changed = _git(here.parent, "status", "--porcelain")
    return head if head is None or not changed else f"{head}-dirty"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says, or None where it is missing or refuses."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
