"""Freed memory stays with the process, so that taking it again costs no page fault."""

import os
import resource
import subprocess
import sys

import pytest

from tests.forking import ROOT, Forked

FAULTS = """
import resource, sys
from contextlib import ExitStack
import numpy as np
from encodery.train.allocator import keep_freed_memory
stack = ExitStack()
if sys.argv[1] == "keep" and not stack.enter_context(keep_freed_memory()):
    sys.exit("unsupported")
def touch():
    np.ones(8 << 20, np.uint8)
touch(); touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5): touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


HOLES = """
import sys
from contextlib import ExitStack
import numpy as np
from encodery.train.allocator import FreedMemory, keep_freed_memory, resident_bytes
stack = ExitStack()
if not stack.enter_context(keep_freed_memory()):
    sys.exit("unsupported")
freed = FreedMemory()
assert not freed.return_excess()
blocks = [np.ones(1 << 20, np.uint8) for _ in range(601)]
del blocks[::2]
before = resident_bytes()
assert freed.return_excess()
print(before - resident_bytes())
assert not freed.return_excess()
"""


STEPS = """
import sys
from contextlib import ExitStack
import numpy as np
from encodery.train.allocator import FreedMemory, keep_freed_memory
stack = ExitStack()
if not stack.enter_context(keep_freed_memory()):
    sys.exit("unsupported")
freed = FreedMemory()
for _ in range(5):
    blocks = [np.ones(1 << 20, np.uint8) for _ in range(601)]
    del blocks
    print(freed.return_excess())
"""


def test_what_every_step_takes_again_is_not_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=False)
    if "unsupported" in done.stderr:
        pytest.skip("this C library has no mallopt")
    assert done.stdout.split() == ["False"] * 5, done.stderr


def test_holes_between_blocks_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=False)
    if "unsupported" in done.stderr:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 280 << 20


def faults(mode: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=False)
    if "unsupported" in done.stderr:
        pytest.skip("this C library has no mallopt")
    return int(done.stdout)


def test_freed_blocks_are_taken_again_without_page_faults() -> None:
    pages = 5 * (8 << 20) // resource.getpagesize()
    assert faults("keep") < pages / 100


AFTERWARDS = """
import sys
import numpy as np
from encodery.train.allocator import keep_freed_memory, resident_bytes
def grown():
    before = resident_bytes()
    blocks = [np.ones(17 << 20, np.uint8) for _ in range(13)]
    del blocks
    return resident_bytes() - before
with keep_freed_memory() as kept:
    if not kept:
        sys.exit("unsupported")
    start = resident_bytes()
    print(grown())
print(resident_bytes() - start, grown())
"""


def test_afterwards_memory_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", AFTERWARDS], capture_output=True, text=True, check=False)
    if "unsupported" in done.stderr:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    within, after, again = map(int, done.stdout.split())
    assert within > 200 << 20
    assert max(after, again) < 100 << 20


SHAPES = """
import sys
import torch
from encodery.train.allocator import bound_kernel_caches, resident_bytes
if sys.argv[1] == "bound":
    bound_kernel_caches()
weight = torch.randn(128, 128, dtype=torch.bfloat16)
def products(first, last):
    for rows in range(first, last):
        torch.randn(rows, 128, dtype=torch.bfloat16) @ weight
products(1, 300)
before = resident_bytes()
products(300, 900)
print(resident_bytes() - before)
"""


def growth(mode: str) -> int:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_CACHE_CAPACITY")}
    process = Forked(["-c", SHAPES, mode], ROOT, inherited | {"OMP_NUM_THREADS": "1"})
    out, err = process.communicate()
    assert process.returncode == 0, err
    return int(out)


def test_ever_other_shapes_do_not_pile_up() -> None:
    free = growth("free")
    if free < 8 << 20:
        pytest.skip("oneDNN keeps nothing of these products on this machine")
    assert growth("bound") < free / 2
