"""Memory of a long run on the CPU: freed blocks are kept, what only piles up is not.

A training step frees and takes the same large blocks again and again.
"""

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 1 << 30
_SETTLED_THRESHOLD = 32 << 20
"""The most to which glibc raises its own threshold when large blocks are freed; trimming starts at twice as much."""
KERNELS = 256
SLACK_BYTES = 128 << 20
"""Growth that is never worth a return: every page given back costs a fault when it is taken again."""


@contextmanager
def keep_freed_memory() -> Iterator[bool]:
    """Let glibc's allocator reuse blocks of up to 1 GiB in place of returning them to the system.

    Tens of thousands of page faults a step become none. Afterwards what is unused goes back, and the thresholds are
    those that glibc comes to by itself: other work in the same process would pile holes up. Gives False where the C
    library has no such setting.
    """
    mallopt, trim = _function("mallopt"), _function("malloc_trim")
    if mallopt is None or trim is None:
        yield False
        return
    try:
        yield bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
    finally:
        mallopt(_M_MMAP_THRESHOLD, _SETTLED_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, 2 * _SETTLED_THRESHOLD)
        trim(0)


def bound_kernel_caches() -> None:
    """Let oneDNN, and PyTorch's layer over it, remember this many products and no more.

    Both keep the code of every shape they have met, half a megabyte each, a thousand of them; packed batches bring
    dozens of new shapes a step and hardly one comes back. One step's shapes fit in. Read once, at the first product.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(KERNELS))


class FreedMemory:
    """Gives back what lies unused when it has grown: blocks of ever other sizes leave holes that would add up."""

    def __init__(self) -> None:
        self._trim = _function("malloc_trim")
        self._in_use: int | None = None

    def return_excess(self) -> bool:
        """Return unused memory to the system if the process has grown by a quarter since it was last measured: at
        the first call, and at the one after each return; whether it did. Not right after a return: what a step needs
        is not held then, so the next steps' own blocks would look like growth and be returned, and faulted in again,
        forever."""
        resident = resident_bytes()
        if self._trim is None or self._in_use is None:
            self._in_use = resident
            return False
        if resident < max(1.25 * self._in_use, self._in_use + SLACK_BYTES):
            return False
        self._trim(0)
        self._in_use = None
        return True


def resident_bytes() -> int:
    """Memory that the process holds now; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * resource.getpagesize() if statm.exists() else 0


def _function(name: str) -> "ctypes._NamedFuncPointer | None":
    """A function of the C library, where it has one of that name."""
    try:
        function: ctypes._NamedFuncPointer = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
    return function
