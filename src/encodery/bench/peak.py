"""The most that this processor can do, measured: what a share of the peak is a share of."""

import shutil
import subprocess
from pathlib import Path

from encodery.cores import usable_cores

_SOURCE = Path(__file__).with_name("peak.c")
_DTYPES = ("fp32", "bf16", "int8")


def peak_gflops(folder: Path) -> dict[str, float]:
    """1e9 operations a second of all cores by number format, as so many times what one core does.

    Empty where it cannot be measured: without a C compiler, or on a processor without AVX-512 dot products.
    """
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return {}
    program = folder / "peak"
    flags = ("-O2", "-march=native", "-mavx512bf16", "-mavx512vnni")
    try:
        subprocess.run([compiler, *flags, str(_SOURCE), "-o", str(program)], check=True, capture_output=True)
        done = subprocess.run([program], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):  # it does not compile, or the processor lacks an instruction
        return {}
    return {dtype: usable_cores() * float(line) for dtype, line in zip(_DTYPES, done.stdout.split(), strict=True)}
