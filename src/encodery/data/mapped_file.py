"""Files as arrays in memory maps that keep no file open.

`mmap` of Python (3.11) holds a descriptor for each map. A corpus of token shards has three files for each of its
thousands, and a process is usually allowed 1,024 open files.
"""

import ctypes
import mmap
import os
import weakref
from pathlib import Path

import numpy as np

from encodery.errors import UserError

_C = ctypes.CDLL(None, use_errno=True)
_C.mmap.restype = ctypes.c_void_p
_C.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
_C.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_FAILED = ctypes.c_void_p(-1).value


def map_file(path: Path, record_type: str) -> np.ndarray:
    """The records of a file, read as they are asked for; not to be written to. The map goes with its last array.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: the system does not let us open or map it.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if not size:
                return np.empty(0, record_type)
            address = _C.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
        if address == _FAILED:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(
            f"{path}: cannot be mapped ({error.strerror}); close files, or raise the limits of this process (ulimit "
            "-n, ulimit -v) or of the system (vm.max_map_count)"
        ) from None
    memory = (ctypes.c_ubyte * size).from_address(address)
    # at the end of the process the system does it: threads may still be reading
    weakref.finalize(memory, _C.munmap, address, size).atexit = False
    array: np.ndarray = np.frombuffer(memoryview(memory), record_type)
    array.flags.writeable = False
    return array
