"""The process of one engine of `encodery bench translate`: `python -m encodery.bench.translate_worker JOB WORK`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from encodery.bench.gate import Finished, Gate
from encodery.bench.translate_jobs import Job


def main(arguments: list[str]) -> None:
    """Run the job until the orders end."""
    job, work = Job.model_validate_json(arguments[0]), Path(arguments[1])
    # what libraries print must not end up among the reports
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as reports:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        with suppress(Finished):
            run(job, work, sys.stdin, partial(print, file=reports, flush=True))


def run(job: Job, work: Path, orders: Iterator[str], report: Callable[[str], object]) -> None:
    """Hand the job to its engine; engines are imported here, each only in its own process.

    Raises:
        Finished: the orders have ended.
    """
    from encodery.train.progress import peak_memory_bytes

    gate = Gate(orders, report, peak_memory_bytes)
    if job.engine == "transformers":
        from encodery.bench import translate_peer

        theirs = translate_peer.build_model(job.size)
        gate.ready(sum(parameter.numel() for parameter in theirs.parameters() if parameter.requires_grad))
        (translate_peer.decode if job.work == "decode" else translate_peer.train)(job, gate, theirs)
        return
    from encodery.bench import translate_ours

    model = translate_ours.build_model(job.size)
    gate.ready(sum(parameter.numel() for parameter in model.parameters()))
    if job.work == "decode":
        translate_ours.decode(job, gate, model)
    else:
        translate_ours.build_trainer(job, work, gate, model).fit()


if __name__ == "__main__":
    main(sys.argv[1:])
