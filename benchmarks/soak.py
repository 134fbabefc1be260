"""An hour of mixed load on `encodery serve`, and ten minutes at five times what it can do.

    python benchmarks/soak.py MODEL... --to benchmarks/results/NAME [--minutes 60] [--overload-minutes 10]

Each MODEL is a folder or bundle, of any task. First 32 clients that ask again as soon as they are answered find the
capacity. Then clients come at random times: for `--minutes` at 80 % of the capacity, with texts of several lengths,
single records and lists, and some that cannot be answered; for `--overload-minutes` at five times the capacity; then
at 80 % again. Memory, threads and open files of the server and all its children are read every few seconds, and go to
NAME.csv with the answers of that time; NAME.html shows the curves; the last line of output is a verdict as JSON.
"""

import argparse
import asyncio
import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from encodery.bench.clients import Answers, Request, closed_loop, open_loop
from encodery.bench.machine import family_of
from encodery.bench.serve_sides import Launch, Server, end_on_terminate, free_port
from encodery.bench.turns import percentile
from encodery.report.curves import Series, line_chart
from encodery.report.page import Chart, Fact, RunReport, Section, render_report

TEXT = "the river town where Ada Lovelace was born in London has a fine old bridge of stone and iron "
PHASES = ("soak", "overload", "after")
CURVES = (
    ("resident_mb", "Memory of all processes", "MB"),
    ("threads", "Threads", ""),
    ("descriptors", "Open files", ""),
    ("p50_ms", "Half of the answers came within", "ms"),
    ("p99_ms", "99 % of the answers came within", "ms"),
    ("answered", "Answers in a sample", ""),
    ("refused", "Refused as the contract has it", ""),
    ("failed", "Failed", ""),
)
HEALTHY, OVERLOADED = 0.8, 5.0
"""Of the capacity."""
CAPACITY_CLIENTS = 32
RECOVERY_SECONDS = 5.0
MOST_GROWTH = {"resident_mb": 1.05, "threads": 1.05, "descriptors": 1.25, "processes": 1.0}
"""From the second tenth of the soak to its last; connections come and go."""
MOST_SLOWER = 2.0
REFUSED_AS_TOLD = {200, 422, 429, 503, 504}
"""Statuses that are part of the contract; anything else is a fault."""


@dataclass(frozen=True)
class Sample:
    """A few seconds."""

    phase: str
    seconds: float
    """Since the beginning."""
    resident_mb: float
    threads: int
    descriptors: int
    processes: int
    answered: int
    """With status 200, in these seconds."""
    refused: int
    """As the contract has it."""
    failed: int
    """Anything else."""
    p50_ms: float
    p99_ms: float


def requests_for(models: Sequence[Path]) -> list[Request]:
    """What is asked, mixed: for each model short and long, one and many, right and wrong."""
    mixed = []
    for folder in models:
        task = task_of(folder)
        for length in (3, 9, 17, 40, 120):
            record = record_for(task, words(length))
            mixed.append(Request(f"/v1/{task}", {"inputs": record, "model": folder.name}))
        short = record_for(task, words(7))
        mixed.append(Request(f"/v1/{task}", {"inputs": [short] * 5, "model": folder.name}))
        mixed.append(Request(f"/v1/{task}", {"inputs": {"nonsense": 1}, "model": folder.name}))
    return mixed


def words(number: int) -> str:
    """The text's first words, and again from its beginning."""
    return " ".join(islice(cycle(TEXT.split()), number))


def task_of(folder: Path) -> str:
    """As `encodery inspect` would say it, from the folder's head."""
    from encodery.serve.predictor import load

    return load(folder).task.name


def record_for(task: str, text: str) -> Any:
    """A record of a task around a text."""
    match task:
        case "question-answering":
            return {"question": "Where was Ada born?", "context": text}
        case "fill-mask":
            return {"text": f"{text} [MASK]"}
        case "multiple-choice":
            return {"text": text, "choices": ["yes", "no"]}
        case _:
            return {"text": text}


def usage(pid: int) -> tuple[float, int, int, int]:
    """Megabytes, threads, open files and processes of a process and all below it."""
    resident = threads = descriptors = processes = 0
    for member in family_of(pid):
        try:
            status = Path(f"/proc/{member}/status").read_text()
            descriptors += sum(1 for _ in Path(f"/proc/{member}/fd").iterdir())
        except OSError:  # it has ended meanwhile
            continue
        values = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        resident += int(values.get("VmRSS", "0 kB").split()[0])
        threads += int(values["Threads"])
        processes += 1
    return resident / 1024, threads, descriptors, processes


def sample_of(phase: str, seconds: float, pid: int, answers: Answers) -> Sample:
    """What the last seconds came to."""
    resident, threads, descriptors, processes = usage(pid)
    statuses = answers.statuses
    times = answers.times or [0.0]
    return Sample(
        phase,
        round(seconds, 1),
        round(resident, 1),
        threads,
        descriptors,
        processes,
        statuses[200],
        sum(count for status, count in statuses.items() if status in REFUSED_AS_TOLD and status != 200),
        sum(count for status, count in statuses.items() if status not in REFUSED_AS_TOLD),
        round(1e3 * percentile(times, 0.5), 2),
        round(1e3 * percentile(times, 0.99), 2),
    )


async def play(server: Server, requests: Sequence[Request], plan: argparse.Namespace) -> list[Sample]:
    """All phases."""
    # a minute of compiling and growing must not count as growth
    await closed_loop(server.port, requests, CAPACITY_CLIENTS, plan.step)
    capacity = await closed_loop(server.port, requests, CAPACITY_CLIENTS, plan.capacity_seconds)
    rate = sum(capacity.statuses.values()) / capacity.seconds
    print(f"capacity: {rate:.0f} requests a second", file=sys.stderr, flush=True)
    start = time.perf_counter()
    samples: list[Sample] = []
    for phase, share, minutes in phases(plan):
        # the first seconds after the overload say how fast it recovers
        step = min(plan.step, RECOVERY_SECONDS)
        until = time.perf_counter() + 60 * minutes
        while time.perf_counter() < until:
            answers = await open_loop(server.port, requests, share * rate, step, seed=len(samples))
            samples.append(sample_of(phase, time.perf_counter() - start, server.pid, answers))
            step = plan.step
        print(json.dumps(asdict(samples[-1])), file=sys.stderr, flush=True)
    return samples


def phases(plan: argparse.Namespace) -> Iterator[tuple[str, float, float]]:
    """Name, share of the capacity and minutes of each."""
    return zip(
        PHASES,
        (HEALTHY, OVERLOADED, HEALTHY),
        (plan.minutes, plan.overload_minutes, plan.after_minutes),
        strict=True,
    )


def verdict(samples: Sequence[Sample]) -> dict[str, Any]:
    """What the curves come to, and whether that is what was promised."""
    soak, overload, after = ([s for s in samples if s.phase == phase] for phase in PHASES)
    facts: dict[str, Any] = {"failed": sum(s.failed for s in samples)}
    if len(soak) >= 10:
        early, late = soak[len(soak) // 10 : len(soak) // 5 or 1], soak[-max(1, len(soak) // 10) :]
        for name in MOST_GROWTH:
            before, behind = (median(getattr(s, name) for s in part) for part in (early, late))
            facts[f"{name}_growth"] = round(behind / before, 4)
        facts["flat"] = all(facts[f"{name}_growth"] <= most for name, most in MOST_GROWTH.items())
    if soak and overload:
        facts["p99_ms_soak"] = median(s.p99_ms for s in soak)
        facts["p99_ms_overload"] = median(s.p99_ms for s in overload)
        facts["p99_within_twice"] = facts["p99_ms_overload"] <= MOST_SLOWER * facts["p99_ms_soak"]
    if soak and after:
        facts["p99_ms_after_5_seconds"] = median(s.p99_ms for s in after[1:] or after)
        facts["recovered"] = facts["p99_ms_after_5_seconds"] <= MOST_SLOWER * median(s.p99_ms for s in soak)
    facts["kept"] = facts["failed"] == 0 and all(
        facts.get(name, True) for name in ("flat", "p99_within_twice", "recovered")
    )
    return facts


def write_curves(samples: Sequence[Sample], facts: dict[str, Any], to: Path) -> None:
    """The numbers as CSV, and a page with their curves."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [column.name for column in fields(Sample)])
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in samples)
    minutes = [sample.seconds / 60 for sample in samples]
    charts = [
        Chart(line_chart([Series(name, minutes, [getattr(s, name) for s in samples])], title, "minutes", unit))
        for name, title, unit in CURVES
    ]
    report = RunReport(
        "Server under load",
        [f"{phase}: from minute {min(s.seconds for s in samples if s.phase == phase) / 60:.1f}" for phase in PHASES],
        [Fact(name, str(value)) for name, value in facts.items()],
        [Section("Curves", charts=charts)],
    )
    to.with_suffix(".html").write_text(render_report(report), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Serve, load, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--to", type=Path, required=True, help="where the curves go, without a suffix")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--overload-minutes", type=float, default=10.0)
    parser.add_argument("--after-minutes", type=float, default=1.0)
    parser.add_argument("--step", type=float, default=10.0, help="seconds between two samples")
    parser.add_argument("--capacity-seconds", type=float, default=30.0)
    plan = parser.parse_args(arguments)
    end_on_terminate()
    port = free_port()
    command = (sys.executable, "-m", "encodery", "serve", *map(str, plan.models), "--port", str(port))
    with tempfile.TemporaryDirectory(prefix="encodery-soak-") as temporary:
        log = Path(temporary) / "server.txt"
        with Server("encodery serve", Launch(command, "", "/health/ready", ""), port, log) as server:
            samples = asyncio.run(play(server, requests_for(plan.models), plan))
    facts = verdict(samples)
    write_curves(samples, facts, plan.to)
    print(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1:])
