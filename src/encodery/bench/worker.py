"""The process of one engine: `python -m encodery.bench.worker JOB FOLDER WORK`, orders in, reports out.

An engine lives as long as its case, so that the two can run in turn, second by second, with no start-up in between,
and the memory high-water mark of the process is the engine's own.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from encodery.bench.gate import Finished, Gate
from encodery.bench.jobs import Job


def main(arguments: list[str]) -> None:
    """Run the job until the orders end."""
    job, folder, work = Job.model_validate_json(arguments[0]), Path(arguments[1]), Path(arguments[2])
    # what libraries print must not end up among the reports
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as reports:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        with suppress(Finished):
            run(job, folder, work, sys.stdin, partial(print, file=reports, flush=True))


def run(job: Job, folder: Path, work: Path, orders: Iterator[str], report: Callable[[str], object]) -> None:
    """Hand the job to its engine; engines are imported here, each only in its own process.

    Raises:
        Finished: the orders have ended.
    """
    gate = build_gate(job, orders, report)
    match job.engine, job.work:
        case "encodery", "train":
            from encodery.bench.ours import build_trainer

            trainer = build_trainer(job, folder, work, gate)
            gate.ready(sum(parameter.numel() for parameter in trainer.model.parameters()))
            trainer.fit()
        case "encodery", "collate":
            from encodery.bench import ours

            gate.ready(0)
            ours.make_batches(job, folder, gate)
        case "transformers", "train":
            from encodery.bench import peer

            model = peer.build_model(job)
            gate.ready(sum(parameter.numel() for parameter in model.parameters()))
            peer.train(job, folder, work, gate, model)
        case _:
            from encodery.bench import peer

            gate.ready(0)
            peer.make_batches(job, folder, gate)


def build_gate(job: Job, orders: Iterator[str], report: Callable[[str], object]) -> Gate:
    """A gate that knows the device's clock and memory."""
    import torch

    from encodery.train.progress import peak_memory_bytes

    if job.device == "cuda":
        return Gate(orders, report, torch.cuda.max_memory_allocated, torch.cuda.synchronize)
    return Gate(orders, report, peak_memory_bytes)


if __name__ == "__main__":
    main(sys.argv[1:])
