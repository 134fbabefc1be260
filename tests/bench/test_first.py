"""The process of one side of `encodery bench load`."""

import subprocess
import sys
from pathlib import Path

import pytest

from encodery.bench import first


def test_nothing_heavy_is_imported_before_the_engine() -> None:
    program = (
        "import sys, encodery.bench.first\nprint(sorted({'torch', 'numpy', 'rich', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_engines_have_the_names_of_their_packages() -> None:
    assert set(first.ENGINES) == {"encodery", "transformers"}


def test_memory_is_that_of_this_process() -> None:
    assert 10**7 < first.peak_bytes() < 10**11


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc here")
def test_memory_does_not_begin_at_the_parents_peak() -> None:
    held = bytearray(400 * 10**6)
    program = "from encodery.bench.first import peak_bytes; print(peak_bytes())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < len(held) / 4
