"""`encodery bench predict`: latency, throughput, memory and size of exported models, against the peers installed."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from encodery.bench import predict_distil
from encodery.bench.asking import wanted_of
from encodery.bench.engines import Worker
from encodery.bench.peak import peak_gflops
from encodery.bench.predict_cases import OURS, WEAK, Case, Job, cases_of, means_of
from encodery.bench.predict_check import check_side
from encodery.bench.predict_figures import (
    Setting,
    amounts_result,
    engines_table,
    means_result,
    result_of,
)
from encodery.bench.predict_setup import ELSEWHERE, Ground, Say, bytes_of, export, prepare, write_files
from encodery.bench.predict_texts import Texts
from encodery.bench.predict_workload import LENGTHS, SIZES
from encodery.bench.result import Result, table
from encodery.bench.turns import Rounds, Turn, Turns, take_turns
from encodery.errors import UserError

_FILE_WIDTH = 130
BY_BYTES = {"openvino-int8": "openvino-int8.bin", "onnxruntime-int8": "onnxruntime-int8.onnx"}
"""The file that holds a peer's weights."""


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    rounds: Rounds
    fewer: Rounds
    """For work that is long."""
    seconds: float
    """Of requests of one length, in a turn."""


FULL = Pace(Rounds(rounds=5, repeats=3), Rounds(rounds=3, repeats=2), seconds=0.25)
QUICK = Pace(Rounds(rounds=3, repeats=1), Rounds(rounds=1, repeats=1), seconds=0.1)


def run_bench(quick: bool, only_json: bool, cases: Sequence[str], folder: Path | None, peers: Path | None) -> None:
    """Print a JSON line per figure as soon as it is known, then tables, unless `only_json`.

    `cases` are names of figures or beginnings of them (`minilm`, `bert/one-16`); all if empty. Models and exports are
    kept in `folder` for the next time, if it is given. `peers` is the Python of an environment with peers that need
    other versions of packages than this one has.

    Raises:
        UserError: there is no such case, an export failed, one of our own processes died, or ours predicts something
            else than `transformers`.
    """
    wanted = select(cases)
    notes = Console(stderr=True, quiet=only_json, highlight=False)
    say = partial(notes.print, soft_wrap=True, markup=False)
    results = []
    with tempfile.TemporaryDirectory(prefix="encodery-bench-") as temporary:
        home = folder or Path(temporary)
        for result in all_results(home, wanted, QUICK if quick else FULL, peers, say):
            print(result.line(), flush=True)
            results.append(result)
    if not only_json:
        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _FILE_WIDTH)
        console.print(table(results))
        console.print(engines_table(results))


def select(cases: Sequence[str]) -> frozenset[str]:
    """The figures that are wanted; those that a mean is over belong to it.

    Raises:
        UserError: a name fits no figure.
    """
    names = all_names()
    wanted = set(wanted_of(cases, names))
    means = [means for size in SIZES for means in means_of(size) if means.name in wanted]
    return frozenset(wanted.union(*(mean.over for mean in means)))


def all_names() -> list[str]:
    """Of everything that can be asked for, in order."""
    names = []
    for size in SIZES:
        names += [figure.name for case in cases_of(size) for figure in case.figures]
        names += [means.name for means in means_of(size)]
        names += [f"{size}/memory", f"{size}/bytes"]
    return [*names, *predict_distil.NAMES]


def all_results(
    home: Path, wanted: frozenset[str], pace: Pace, other_python: Path | None, say: Say
) -> Iterator[Result]:
    """Size by size."""
    home.mkdir(parents=True, exist_ok=True)
    peaks = peak_gflops(home)
    for size in SIZES:
        if any(name.startswith(f"{size}/") for name in wanted):
            ground = prepare(home, size, other_python, say)
            setting = Setting(
                num_tokens=Texts.load(ground.texts).num_tokens,
                flops={length: SIZES[size].flops(length) for length in LENGTHS},
                peaks=peaks,
            )
            yield from Bench(ground, pace, setting, say).results(wanted)
    if wanted & set(predict_distil.NAMES):
        grounds = [prepare(home, size, other_python, say) for size in predict_distil.PAIR]
        yield from predict_distil.results(grounds, wanted, pace.rounds, pace.seconds, say)


@dataclass
class Bench:
    """One size: all its engines run at the same time, and work in turn."""

    ground: Ground
    pace: Pace
    setting: Setting
    say: Say
    workers: dict[str, Worker] = field(default_factory=dict)
    resident: dict[str, int] = field(default_factory=dict)
    """Memory of each engine after its last order, in bytes."""

    def results(self, wanted: frozenset[str]) -> Iterator[Result]:
        """The wanted figures."""
        cases = [case for case in cases_of(self.ground.size) if any(figure.name in wanted for figure in case.figures)]
        engines = dict.fromkeys(job.engine for case in cases for job in case.jobs.values())
        with ExitStack() as stack:
            self._start(stack, [*dict.fromkeys((*OURS.values(), WEAK, *engines))])
            known: dict[str, Result] = {}
            for case in cases:
                self.say(f"{self.ground.size}: {', '.join(figure.name for figure in case.figures)} ...")
                turns = self._play(case)
                found = [result_of(figure, turns, self.setting) for figure in case.figures if figure.name in wanted]
                known |= {result.case: result for result in found if result}
                yield from (result for result in found if result)
            yield from (result for result in self._rest(known) if result and result.case in wanted)

    def _start(self, stack: ExitStack, engines: Sequence[str]) -> None:
        """Every engine that can be had; ours must."""
        for dtype in OURS:
            export(self.ground, dtype, self.say)
        missing = write_files(self.ground, engines, self.say)
        reference = None
        for engine in sorted(engines, key=lambda engine: engine != WEAK):
            if engine in missing:
                continue
            self.say(f"{self.ground.size}: {engine} is loaded ...")
            try:
                worker = stack.enter_context(self.ground.start(engine))
                logits = check_side(engine, worker, reference)
            except UserError as error:
                if engine in OURS.values():
                    raise
                self.say(f"  left out: {error}")
                continue
            reference = logits if engine == WEAK else reference
            if engine in ELSEWHERE:
                self.setting = replace(self.setting, versions=worker.ready["versions"])
            self.workers[engine] = worker

    def _play(self, case: Case) -> dict[str, Turns]:
        plan = self.pace.fewer if case.fewer_rounds else self.pace.rounds
        jobs = {name: job for name, job in case.jobs.items() if job.engine in self.workers}
        if not case.is_first:  # shapes that are met for the first time shall not count
            for job in jobs.values():
                self._turn(job)
        return take_turns({name: partial(self._turn, job) for name, job in jobs.items()}, plan)

    def _turn(self, job: Job) -> Turn:
        seconds = {"seconds": self.pace.seconds} if job.order["do"] == "request" else {}
        report, others_cores = self.workers[job.engine].ask({**job.order, **seconds})
        self.resident[job.engine] = report["bytes"]
        return Turn(tuple(report["result"]), others_cores)

    def _rest(self, known: dict[str, Result]) -> Iterator[Result | None]:
        size, ours = self.ground.size, OURS["int8"]
        for means in means_of(size):
            yield means_result(means, known, self.setting)
        if ours in self.resident:
            held = {name: self.resident[name] for name in BY_BYTES if name in self.resident}
            yield amounts_result(f"{size}/memory", self.resident[ours], held, None, self.setting)
        files = {name: self.ground.places.files / file for name, file in BY_BYTES.items()}
        peers = {name: bytes_of(file) for name, file in files.items() if file.exists()}
        bundle = bytes_of(self.ground.places.bundles / "int8")
        yield amounts_result(f"{size}/bytes", bundle, peers, None, self.setting)
