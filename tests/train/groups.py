"""Processes that are the ranks of a group, started without `torchrun`: it takes longer to start than they do."""

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.forking import Forked

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": path}


def start_ranks(commands: Sequence[Sequence[str]], folder: Path) -> list[Forked]:
    """One process per command: the rank of its place. Each command is what follows `python`."""
    group = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(len(commands))}
    return [
        Forked(command, folder, {**environment(), **group, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank, command in enumerate(commands)
    ]


def end_of(processes: Sequence[subprocess.Popen[str] | Forked], timeout: float = 120.0) -> list[tuple[int, str]]:
    """Exit code and all that was said, rank by rank; nobody may hang."""
    ends = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=timeout)
            assert process.returncode is not None
            ends.append((process.returncode, out + (err or "")))
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()  # not killed: `torchrun` takes its ranks along
                process.communicate(timeout=60)
    return ends
