"""Two ranks beside one: tokens/s of pretraining with one thread for each rank, and what their agreement costs.

python benchmarks/ranks.py [--ranks 2] [--preset mini] [--parallel ddp|fsdp] [--precision bf16|fp32] [--steps 8]

The same global batches of packed text (128 tokens a sequence) are trained by one process and by several, alternately,
each for some steps after a warm-up. Prints one JSON line; `ours` and `peer` are medians.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from encodery.batch import Batch, LossOutput
from encodery.bench.jobs import Job
from encodery.bench.machine import hardware
from encodery.bench.ours import build_objective, encoder_config
from encodery.bench.text import MAX_SEQLEN, Text, write_workload
from encodery.model.heads import Model
from encodery.objectives.objective import Pretraining
from encodery.train.config import TrainerConfig
from encodery.train.distributed import joined_ranks
from encodery.train.trainer import Trainer

WARM_UP_STEPS = 3


class Timed:
    """An objective that notes when steps begin: the loop asks for the counts of a batch then."""

    def __init__(self, objective: Pretraining) -> None:
        self._objective = objective
        self.steps: list[tuple[float, int]] = []

    def counts(self, batch: Batch) -> Mapping[str, int]:
        """How many items each loss term scores."""
        self.steps.append((time.perf_counter(), batch.num_tokens))
        return self._objective.counts(batch)

    def loss(self, model: Model, batch: Batch) -> LossOutput:
        """Each term's loss, summed over the items it scores."""
        return self._objective.loss(model, batch)


def work(arguments: argparse.Namespace) -> None:
    """What one rank does; the first one prints tokens/s."""
    config = TrainerConfig(precision=arguments.precision, device="cpu", parallel=arguments.parallel, log_every=1000)
    total = WARM_UP_STEPS + arguments.steps + 1
    with joined_ranks() as ranks, tempfile.TemporaryDirectory(prefix="encodery-ranks-") as name:
        objective = build_objective(job_of(arguments), Path(arguments.workload))
        model = Model(encoder_config(arguments.preset), ("mlm",))
        model.initialize(1)
        loss = Timed(objective)
        endless = config.model_copy(update={"evaluate_every": 10**6, "checkpoint_every": 10**6})
        quiet = Console(quiet=True)
        Trainer(model, loss, objective.batch, endless, total, 1, Path(name), console=quiet, ranks=ranks).fit()
        timed = loss.steps[WARM_UP_STEPS:]
        if ranks.is_first:
            seconds = timed[-1][0] - timed[0][0]
            print(json.dumps({"tokens_per_second": sum(tokens for _, tokens in timed[:-1]) / seconds}))


def job_of(arguments: argparse.Namespace) -> Job:
    """The workload: packed blocks."""
    return Job(
        engine="encodery",
        layout="packed",
        precision=arguments.precision,
        preset=arguments.preset,
        sequences_per_batch=arguments.sequences,
    )


def measured(arguments: argparse.Namespace, ranks: int) -> float:
    """Tokens/s of so many ranks."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    group = {"MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "WORLD_SIZE": str(ranks), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *sys.argv[1:], "--workload", arguments.workload]
    processes = [
        subprocess.Popen(command, env={**os.environ, **group, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in range(ranks)
    ]
    said = [process.communicate(timeout=600)[0] for process in processes]
    return float(json.loads(said[0])["tokens_per_second"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset", default="mini")
    parser.add_argument("--parallel", choices=("ddp", "fsdp"), default="ddp")
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--sequences", type=int, default=64, help="sequences of a step, of all ranks together")
    parser.add_argument("--steps", type=int, default=8, help="steps that are timed")
    parser.add_argument("--workload", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.workload:
        work(arguments)
        return
    with tempfile.TemporaryDirectory(prefix="encodery-ranks-text-") as name:
        arguments.workload = name
        write_workload(Text.make(), Path(name))
        rates: dict[int, list[float]] = {1: [], arguments.ranks: []}
        for _ in range(arguments.rounds):
            for ranks, found in rates.items():
                found.append(measured(arguments, ranks))
    medians = {ranks: statistics.median(found) for ranks, found in rates.items()}
    line = {
        "bench": "ranks",
        "case": f"{arguments.preset}/{arguments.parallel}-{arguments.precision}",
        "unit": "tokens/s",
        "ours": round(medians[arguments.ranks]),
        "peer": round(medians[1]),
        "peer_name": "one rank, one thread",
        "ratio": round(medians[arguments.ranks] / medians[1], 3),
        "metric": {
            "rounds": {ranks: [round(rate) for rate in found] for ranks, found in rates.items()},
            "max_seqlen": MAX_SEQLEN,
            "sequences_per_step": arguments.sequences,
        },
        "hardware": hardware("cpu"),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
