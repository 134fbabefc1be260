"""What making batches costs a recipe's pretraining: its share of a step, a seek to step 1,000,000, memory over a run.

python benchmarks/loading.py RECIPE [--set A.B=C] [--steps 10000] [--work FOLDER] [--rounds 5]

The recipe's text is made into shards first, in the folder. Then it is trained for the steps, without evaluations
and checkpoints, in a process of its own. Others, each started anew, make the batch of step 1 or of step 1,000,000,
and open the shards for it. Prints a JSON line for each of `share`, `seek` and `memory`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from encodery.batch import Batch
from encodery.bench.machine import commit, hardware
from encodery.errors import UserError
from encodery.families.folder import ModelFolder
from encodery.recipe import load_recipe
from encodery.stages import Run, open_run
from encodery.stages import run as run_stages
from encodery.stages.graph import selected, stages_of
from encodery.stages.pretraining import languages_of
from encodery.stages.reading import TRAIN, Reading, starting_model
from encodery.train.log import read_log
from encodery.train.trainer import Trainer

FAR = 1_000_000
"""The step that is sought; steps count from 1 here."""
EARLY = 100
"""The step whose peak of memory that of the last one is held against."""
NEVER = 10**9
Found = dict[str, Any]


class Clocked:
    """Batches, when each was begun and the CPU seconds it took; the loader's thread has a clock of its own.

    The loader begins a batch when the loop takes the one before, so from one to the next is a whole step.
    """

    def __init__(self, batches: Callable[[int], Batch]) -> None:
        self._batches = batches
        self.begun: list[float] = []
        self.seconds: list[float] = []

    def __call__(self, step: int) -> Batch:
        self.begun.append(time.perf_counter())
        started = time.thread_time()
        batch = self._batches(step)
        self.seconds.append(time.thread_time() - started)
        return batch


def opened(arguments: argparse.Namespace, steps: int) -> Run:
    """The run whose shards are read, with so many steps of pretraining."""
    overrides = [*arguments.set, f"output={arguments.work}", f"pretrain.steps={steps}"]
    recipe = load_recipe(arguments.recipe, overrides)
    if recipe.pretrain is None or recipe.corpus is None:
        raise UserError(f"{arguments.recipe}: has no [corpus] to pretrain on")
    return open_run(recipe, arguments.recipe, Console(stderr=True))


def reading_of(run: Run) -> tuple[ModelFolder, Reading]:
    """The model at its start, and what it reads."""
    start, table = starting_model(run), run.recipe.pretrain
    assert table is not None
    return start, Reading(run, table, start.tokenizer, languages_of(run, start))


def train(arguments: argparse.Namespace) -> Found:
    """Train; what the loader's thread and the steps took, and the peak of memory at each hundredth step."""
    run = opened(arguments, arguments.steps)
    start, reading = reading_of(run)
    course = reading.course()
    batches = Clocked(partial(reading.batch, course))
    config = reading.table.model_copy(
        update={"log_every": EARLY, "evaluate_every": NEVER, "checkpoint_every": NEVER, "keep": "last"}
    )
    with TemporaryDirectory(prefix="encodery-loading-") as name:
        folder, quiet, seed = Path(name), Console(quiet=True), run.recipe.seed
        Trainer(start.model, course.first, batches, config, arguments.steps, seed, folder, console=quiet).fit()
        logged = [record for record in read_log(folder / "log.jsonl") if record["event"] == "step"]
    took = (batches.begun[-1] - batches.begun[EARLY]) / (len(batches.begun) - 1 - EARLY)
    return {
        "batch_ms": 1e3 * statistics.mean(batches.seconds[EARLY:]),
        "step_ms": 1e3 * took,
        "tokens_per_step": logged[-1]["tokens"] / arguments.steps,
        "peaks": [record["peak_memory_bytes"] for record in logged],
        "shards": sum(path.stat().st_size for path in (run.artifact("shards") / TRAIN).rglob("*") if path.is_file()),
    }


def seek(arguments: argparse.Namespace) -> Found:
    """The batch of the step, the first that this process makes; from the opening of the shards."""
    run = opened(arguments, FAR)
    start, table = starting_model(run), run.recipe.pretrain
    assert table is not None
    started = time.perf_counter()
    reading = Reading(run, table, start.tokenizer, languages_of(run, start))
    reading.batch(reading.course(), arguments.step - 1)
    return {"ms": 1e3 * (time.perf_counter() - started)}


def apart(arguments: argparse.Namespace, part: str, step: int = 1) -> Found:
    """What a part finds in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--work", arguments.work, "--part", part, "--step", str(step)]
    found: Found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return found


def line(case: str, unit: str, ours: float, peer: float, peer_name: str, metric: Found) -> str:
    """A result as the other benchmarks say theirs; a ratio above 1 means that ours is better."""
    values = {"unit": unit, "ours": round(ours, 5), "peer": round(peer, 5), "peer_name": peer_name}
    values |= {"ratio": round(peer / ours, 3), "metric": metric, "hardware": hardware("cpu"), "commit": commit()}
    return json.dumps({"bench": "loading", "case": case, **values})


def measure(arguments: argparse.Namespace) -> None:
    """Make the shards, measure, print."""
    run = opened(arguments, arguments.steps)
    run_stages(run, selected(stages_of(run), ["shards"]))
    seeks: dict[int, list[float]] = {1: [], FAR: []}
    for _ in range(arguments.rounds):
        for step, took in seeks.items():
            took.append(apart(arguments, "seek", step)["ms"])
    near, far = (statistics.median(took) for took in seeks.values())
    rounds = {step: [round(ms, 1) for ms in took] for step, took in seeks.items()}
    print(line("seek", "ms", far, near, "the batch of step 1, in a process of its own", {"rounds": rounds}))
    found = apart(arguments, "train")
    peaks, shards = found.pop("peaks"), found.pop("shards")
    share = found["batch_ms"] / found["step_ms"]
    metric = {"target_ours": 0.02, "steps": arguments.steps, **{k: round(v, 3) for k, v in found.items()}}
    print(line("share", "of a step's time", share, 0.02, "the most it may be", metric))
    metric = {
        "shard_bytes": shards,
        "mb_by_tenth": [round(peak / 1e6, 1) for peak in peaks[:: max(1, len(peaks) // 10)]],
    }
    print(line("memory", "MB", peaks[-1] / 1e6, peaks[0] / 1e6, f"the peak at step {EARLY}", metric))


def main() -> None:
    """Measure and print, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change one key of the recipe")
    parser.add_argument("--steps", type=int, default=10_000, help="steps that are trained; more than 200")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each of the two steps that are sought")
    parser.add_argument(
        "--work", help="where the vocabulary and the shards go and stay; a temporary folder if not given"
    )
    parser.add_argument("--part", choices=("train", "seek"), help=argparse.SUPPRESS)
    parser.add_argument("--step", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps({"train": train, "seek": seek}[arguments.part](arguments)))
        return
    with TemporaryDirectory(prefix="encodery-loading-") as name:
        arguments.work = str(Path(arguments.work or name).resolve())
        measure(arguments)


if __name__ == "__main__":
    main()
