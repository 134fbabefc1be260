"""`encodery bench serve`: what HTTP costs, requests a second under load, and what a busy neighbour does to them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from encodery.bench.asking import wanted_of
from encodery.bench.engines import Worker
from encodery.bench.machine import OthersWatch, family_of
from encodery.bench.predict_setup import Ground, Say, export, prepare, write_files
from encodery.bench.predict_texts import Texts
from encodery.bench.result import Result, table
from encodery.bench.serve_figures import IN_PROCESS, NAMES, NAMES_OF, TAKEN, results_of
from encodery.bench.serve_sides import INFINITY, OPENVINO, OURS, PLAIN, Server, end_on_terminate, start
from encodery.bench.turns import Rounds, Turn, take_turns
from encodery.errors import UserError

SIZE = "minilm"
TEXT_TOKENS = 16
LOADED = 32
"""Clients at the same time."""
SIDES = (OURS, PLAIN, OPENVINO, INFINITY)
_FILE_WIDTH = 130


@dataclass(frozen=True)
class Pace:
    """How long to measure."""

    rounds: Rounds
    seconds: float
    """Of a turn."""


FULL, QUICK = Pace(Rounds(5, 3), 3.0), Pace(Rounds(3, 1), 1.0)


def run_bench(quick: bool, only_json: bool, cases: Sequence[str], folder: Path | None, peers: Path | None) -> None:
    """Print a JSON line per figure as soon as it is known, then a table, unless `only_json`; arguments as those of
    `predict.run_bench`.

    Raises:
        UserError: there is no such case, the export failed, or our server did not start.
    """
    wanted = select(cases)
    end_on_terminate()
    notes = Console(stderr=True, quiet=only_json, highlight=False)
    say = partial(notes.print, soft_wrap=True, markup=False)
    results = []
    with tempfile.TemporaryDirectory(prefix="encodery-bench-") as temporary:
        ground = prepare(folder or Path(temporary), SIZE, peers, say)
        export(ground, "int8", say)
        for result in measure(ground, wanted, QUICK if quick else FULL, say):
            print(result.line(), flush=True)
            results.append(result)
    if not only_json:
        console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _FILE_WIDTH)
        console.print(table(results))


def select(cases: Sequence[str]) -> frozenset[str]:
    """The figures that are wanted.

    Raises:
        UserError: a name fits no figure.
    """
    return frozenset(wanted_of(cases, NAMES))


def measure(ground: Ground, wanted: frozenset[str], pace: Pace, say: Say) -> Iterator[Result]:
    """All servers run at the same time, and are asked in turn.

    Raises:
        UserError: our server did not start, died, or refused what it was asked.
    """
    missing = write_files(ground, ["openvino-int8"], say)
    with ExitStack() as stack:
        command = (sys.executable, "-m", "encodery.bench.clients")
        clients = stack.enter_context(Worker("clients", command, ground.work / "clients.txt"))
        inside = stack.enter_context(ground.start("encodery-int8"))
        servers = dict(_started(stack, ground, [side for side in SIDES if side != OPENVINO or not missing], say))
        load = Load(clients, servers, Texts.load(ground.texts).fixed[TEXT_TOKENS], pace.seconds)
        for group, turns in _groups(load, inside, pace.seconds).items():
            if wanted & NAMES_OF[group]:
                say(f"{group}: {', '.join(turns)} ...")
                for turn in turns.values():  # warm
                    turn()
                yield from results_of(group, take_turns(turns, pace.rounds), wanted)


@dataclass(frozen=True)
class Load:
    """Servers, and the process that asks them."""

    clients: Worker
    servers: Mapping[str, Server]
    text: str
    seconds: float

    def turn(self, side: str, concurrency: int, neighbour: bool = False) -> Turn:
        """Ask one server again and again; with a `neighbour`, while another process takes a core.

        Raises:
            UserError: an answer had another status than 200.
        """
        server = self.servers[side]
        order = {
            "port": server.port,
            "requests": [asdict(server.request(self.text))],
            "concurrency": concurrency,
            "seconds": self.seconds,
        }
        with ExitStack() as stack:
            pids = [os.getpid(), self.clients.pid, *family_of(server.pid)]
            if neighbour:
                pids.append(stack.enter_context(busy_neighbour(self.seconds)).pid)
            with OthersWatch(pids) as others:
                answers, _ = self.clients.ask(order)
        if refused := {status: count for status, count in answers["statuses"].items() if status != "200"}:
            raise UserError(f"bench serve: {server.name} answered with the statuses {refused}; see its log")
        return Turn(tuple(answers["times"]), others.cores, answers["seconds"])


@contextmanager
def busy_neighbour(seconds: float) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that takes one core; it ends of itself in any case."""
    code = f"import time\nend = time.monotonic() + {10 * seconds + 10}\nwhile time.monotonic() < end: pass"
    process = subprocess.Popen((sys.executable, "-c", code))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _groups(load: Load, inside: Worker, seconds: float) -> dict[str, dict[str, Callable[[], Turn]]]:
    """What takes turns with what."""
    ours_and_plain = [side for side in (OURS, PLAIN) if side in load.servers]
    return {
        "one": {
            IN_PROCESS: partial(_inside, inside, seconds),
            **{side: partial(load.turn, side, 1) for side in load.servers},
        },
        "busy": {side: partial(load.turn, side, LOADED) for side in load.servers},
        "neighbour": {
            f"{side}{TAKEN if taken else ''}": partial(load.turn, side, 1, taken)
            for side in ours_and_plain
            for taken in (False, True)
        },
    }


def _started(stack: ExitStack, ground: Ground, sides: Sequence[str], say: Say) -> Iterator[tuple[str, Server]]:
    for side in sides:
        say(f"{side} is started ...")
        try:
            yield side, stack.enter_context(start(side, ground))
        except UserError as error:
            if side == OURS:
                raise
            say(f"  left out: {error}")


def _inside(worker: Worker, seconds: float) -> Turn:
    """Tokenisation, engine and decoding without HTTP."""
    report, others_cores = worker.ask({"do": "whole", "length": TEXT_TOKENS, "seconds": seconds})
    return Turn(tuple(report["result"]), others_cores)
