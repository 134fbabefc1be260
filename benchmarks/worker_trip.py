"""What the way to a worker and back adds to its work: one caller, a predictor that does nothing.

    python benchmarks/worker_trip.py [--uvloop] [QUESTIONS [CALLERS]]

Prints percentiles of the whole trip (the server asks, the worker reads, queues, batches, answers) in microseconds,
and how many trips there are in a second where several callers ask, each one question after the other.
"""

import asyncio
import os
import socket
import statistics
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from encodery.serve import process
from encodery.serve.answers import ModelInfo
from encodery.serve.job import WorkerJob, WorkerSettings
from encodery.serve.messages import Ready
from encodery.serve.supervisor import LocalModel

INFO = ModelInfo("nothing", "text-classification", (), 16, 1, False, (), "none", "none", "0")


class Nothing:
    """A predictor that gives every record the same prediction."""

    task: Any = SimpleNamespace(name="nothing")
    embedding = task

    def prepare(self, record: Any, source: str, task: Any) -> Any:
        """Four tokens."""
        sequences = [SimpleNamespace(input_ids=[1, 2, 3, 4])]
        encoded = SimpleNamespace(truncated=False)
        return SimpleNamespace(sequences=sequences, num_tokens=4, encoded=encoded, decode=self.decode)

    def outputs(self, task: Any, sequences: list[Any]) -> list[None]:
        """Nothing."""
        return [None] * len(sequences)

    @staticmethod
    def decode(outputs: list[None]) -> dict[str, Any]:
        """A label."""
        return {"label": "good", "score": 0.75, "scores": {"good": 0.75, "bad": 0.25}}


def be_worker(job: WorkerJob) -> None:
    """In the worker's process."""
    from encodery.serve.sending import Wire
    from encodery.serve.worker import SWITCH_SECONDS, Worker

    sys.setswitchinterval(SWITCH_SECONDS)
    connection = socket.socket(fileno=job.fd)
    wire = Wire(connection)
    wire.send(Ready(asdict(INFO), {"text": "a"}, job.batch_tokens, 1e6))
    Worker(Nothing(), wire, job.batch_tokens).serve(connection)  # type: ignore[arg-type]


async def ask(count: int, callers: int = 1) -> None:
    """One question after the other."""
    process.WORKER = Path(__file__).stem
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    model = LocalModel("nothing", Path(), WorkerSettings())
    await model.start()
    seconds: list[float] = []

    async def call() -> None:
        for number in range(count // callers):
            began = time.perf_counter()
            await model.answer([f"the text of a short request, number {number}"])
            seconds.append(time.perf_counter() - began)

    await asyncio.gather(*(model.answer(["to begin with"]) for _ in range(count // 10)))
    began = time.perf_counter()
    await asyncio.gather(*(call() for _ in range(callers)))
    rate = len(seconds) / (time.perf_counter() - began)
    await model.close()
    cuts = statistics.quantiles([1e6 * value for value in seconds], n=100)
    print(
        f"{len(seconds)} questions of {callers} callers: p50 {cuts[49]:.0f} us, p95 {cuts[94]:.0f} us, "
        f"p99 {cuts[98]:.0f} us, {rate:.0f} a second"
    )


def main(arguments: list[str]) -> None:
    """Ask, or be asked."""
    if arguments and arguments[-1].startswith("{"):
        be_worker(WorkerJob.model_validate_json(arguments[-1]))
        return
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    question = ask(*(numbers or [10_000]))
    if "--uvloop" in arguments:
        import uvloop

        uvloop.run(question)
    else:
        asyncio.run(question)


if __name__ == "__main__":
    main(sys.argv[1:])
