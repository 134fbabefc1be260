"""Keep freed memory in the process: a training step frees and takes the same large blocks again and again."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to reuse blocks of up to 1 GiB in place of returning them to the system.

    Tens of thousands of page faults a step become none. False where the C library has no such setting.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
