"""What is left: where a training step of ours spends its time, and how near its products come to the machine's peak.

python benchmarks/profile_step.py [--size base|small] [--device cpu|cuda] [--precision bf16|fp32] [--steps N]

Prints a table of operators (own time, share of the step, calls, FLOP/s of the matrix products) and one line on the
whole step: FLOPs that the model needs by its sizes, FLOP/s achieved, and the share of the best FLOP/s that a plain
matrix product of the same kind reaches here, measured just before. With the profiler on, a step is a little slower.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch.autograd.profiler_util import FunctionEventAvg
from torch.profiler import ProfilerActivity, profile

from encodery.bench.gate import Finished
from encodery.bench.jobs import Job
from encodery.bench.machine import OthersWatch, hardware
from encodery.bench.ours import build_trainer
from encodery.bench.text import MAX_SEQLEN, Text, write_workload
from encodery.model.config import EncoderConfig

WARM_UP_STEPS = 3
PEAK_SHAPES = ((4096, 768, 3072), (4096, 3072, 768), (2048, 2048, 2048), (1024, 768, 3072))
PEAK_SECONDS = 0.5
MASKED_SHARE = 0.15
PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm")
SIZES = {"base": ("base", 8), "small": ("mini", 32)}


class Profiler:
    """Lets the first steps pass, profiles the next ones, ends the training; times the profiled ones, too."""

    def __init__(self, steps: int, device: str) -> None:
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
        self.profile = profile(activities=activities, with_flops=True)
        self.seconds = 0.0
        self.tokens = 0
        self._steps = steps
        self._begun = 0
        self._synchronize: Callable[[], object] = torch.cuda.synchronize if device == "cuda" else lambda: None
        self._started = 0.0

    def arrive(self) -> None:
        """A step begins."""
        if self._begun == WARM_UP_STEPS:
            self._synchronize()
            self.profile.start()
            self._started = time.perf_counter()
        if self._begun == WARM_UP_STEPS + self._steps:
            self._synchronize()
            self.seconds = time.perf_counter() - self._started
            self.profile.stop()
            raise Finished
        self._begun += 1

    def add(self, tokens: int) -> None:
        """Count the tokens of a profiled step."""
        if self._begun > WARM_UP_STEPS:
            self.tokens += tokens


def matmul_peak(device: str, precision: str) -> float:
    """The best FLOP/s of a plain matrix product over some sizes as in BERT-base."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    best = 0.0
    for rows, inner, columns in PEAK_SHAPES:
        left = torch.randn(rows, inner, device=device, dtype=dtype)
        right = torch.randn(inner, columns, device=device, dtype=dtype)
        out = left @ right
        end = time.perf_counter() + PEAK_SECONDS
        while time.perf_counter() < end:
            started = time.perf_counter()
            torch.mm(left, right, out=out)
            if device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * rows * inner * columns / (time.perf_counter() - started))
    return best


def flops_per_token(config: EncoderConfig) -> float:
    """Forward and backward FLOPs by the sizes alone: matrix products, with logits at the masked tokens only."""
    hidden = config.hidden_size
    layer = 2 * hidden * (4 * hidden + 2 * config.intermediate_size) + 4 * MAX_SEQLEN * hidden
    head = 2 * hidden * (hidden + config.vocab_size)
    return 3 * (config.num_hidden_layers * layer + MASKED_SHARE * head)


def operators(events: list[FunctionEventAvg], seconds: float, device: str, rows: int) -> Table:
    """The operators that take most, each with its own time only."""
    own = {event.key: _own_seconds(event, device) for event in events}
    view = Table("operator", box=None, header_style="bold", pad_edge=False)
    for header in ("own ms", "share", "calls", "GFLOP/s"):
        view.add_column(header, justify="right")
    for event in sorted(events, key=lambda e: -own[e.key])[:rows]:
        spent = own[event.key]
        rate = f"{event.flops / spent / 1e9:,.0f}" if event.key in PRODUCTS and spent else ""
        view.add_row(event.key, f"{1e3 * spent:,.1f}", f"{spent / seconds:.1%}", str(event.count), rate)
    return view


def _own_seconds(event: FunctionEventAvg, device: str) -> float:
    microseconds = event.self_device_time_total if device == "cuda" else event.self_cpu_time_total
    return float(microseconds) / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--steps", type=int, default=1, help="profiled steps")
    parser.add_argument("--rows", type=int, default=25, help="operators shown")
    arguments = parser.parse_args()
    preset, sequences = SIZES[arguments.size]
    job = Job(
        engine="encodery",
        layout="packed",
        precision=arguments.precision,
        device=arguments.device,
        preset=preset,
        sequences_per_batch=sequences * (64 if arguments.device == "cuda" else 1),
    )
    profiler = Profiler(arguments.steps, job.device)
    peak = matmul_peak(job.device, job.precision)
    with tempfile.TemporaryDirectory(prefix="encodery-profile-") as name, OthersWatch([os.getpid()]) as others:
        write_workload(Text.make(), Path(name))
        trainer = build_trainer(job, Path(name), Path(name) / "work", profiler)
        with suppress(Finished):
            trainer.fit()
    console = Console(highlight=False)
    events = profiler.profile.key_averages()
    console.print(operators(list(events), profiler.seconds, job.device, arguments.rows))
    achieved = profiler.tokens * flops_per_token(trainer.model.config) / profiler.seconds
    console.print(
        f"\n{hardware(job.device)}; BERT-{arguments.size}, {job.precision}, {profiler.tokens / arguments.steps:,.0f} "
        f"tokens per step: {profiler.seconds / arguments.steps:.3f} s per step, "
        f"{profiler.tokens / profiler.seconds:,.0f} tokens/s\n"
        f"{achieved / 1e9:,.0f} GFLOP/s of the model's own products = {achieved / peak:.0%} of {peak / 1e9:,.0f}, "
        f"the best plain {job.precision} product here; others took {others.cores:.2f} cores meanwhile",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
