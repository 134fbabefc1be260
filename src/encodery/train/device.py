"""Where a run computes and by what rules: the device, the precision, the seed of a step, the same bits again."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from encodery.errors import UserError


def pick_device(choice: str) -> torch.device:
    """The device to use.

    Raises:
        UserError: CUDA was asked for and is not there.
    """
    if choice == "cuda" and not torch.cuda.is_available():
        raise UserError('device = "cuda", but this machine has no usable CUDA device; use "cpu" or "auto"')
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """bf16 products over fp32 weights, or nothing."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def reset_peak_device_memory() -> None:
    """Let the peak of CUDA's memory count from here on, if CUDA is in use."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats()


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """A seed for torch's generator, another for every (seed, step, rank)."""
    return (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB) % 2**63


def seed_dropout(device: torch.device, seed: int) -> None:
    """Let dropout on this device depend on the seed alone.

    Without an accelerator only the generator of the CPU is there to be seeded: `torch.manual_seed` would also keep
    the seed for each that might come, with three formatted stacks, which takes longer than a small batch.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@contextmanager
def deterministic_kernels(wanted: bool) -> Iterator[None]:
    """Inside, only kernels that give the same bits for the same input, if that is wanted; as before afterwards.

    On a GPU some add in whatever order they come. cuBLAS reads its setting when it is first used in a process.
    """
    if not wanted:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]


def check_ranks(before: int | None, now: int) -> int:
    """How many ranks share a sum, which decides its last bits as threads do; `before` is what a run began with.

    Raises:
        UserError: it began with another number.
    """
    if before not in (None, now):
        raise UserError(
            f"deterministic = true, but this run began with {before} ranks and has {now} now, which changes the last "
            f"bits; start it with {before}, or set deterministic = false"
        )
    return now


def check_threads(before: int | None) -> int:
    """How many threads share a sum, which decides its last bits; `before` is what a run began with.

    Raises:
        UserError: it began with another number.
    """
    threads = torch.get_num_threads()
    if before not in (None, threads):
        raise UserError(
            f"deterministic = true, but this run began with {before} threads and has {threads} now, which changes "
            f"the last bits; start it with OMP_NUM_THREADS={before}, or set deterministic = false"
        )
    return threads
