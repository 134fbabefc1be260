"""`encodery bench corpus`: HTML a second of the pipeline of the corpus, on a crawl made here, beside its peers.

Each side gets the same WARC files and as many cores as it has workers, and leaves documents by language, compressed.
"""

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from encodery.bench.asking import wanted_of
from encodery.bench.corpus_figures import (
    AGAINST,
    MEMORY,
    PLAIN,
    WORKERS,
    against_result,
    memory_result,
    step_results,
    workers_result,
)
from encodery.bench.corpus_sides import Done, run_side
from encodery.bench.corpus_worker import Order
from encodery.bench.crawl import Crawl, make_crawl
from encodery.bench.result import Result, table
from encodery.bench.turns import Rounds, Turn, keep, take_turns
from encodery.errors import UserError

MEGABYTE = 1_000_000
SMALL_SHARE = 8
"""The peers get one part in so many of the crawl: the slowest of them needs a minute for it."""
LEAST = 16
"""Megabytes of HTML in the small crawl: with fewer the start of a process is what is measured."""
FULL, QUICK = Rounds(rounds=3, repeats=1), Rounds(rounds=1, repeats=0)
FULL_SIZE, QUICK_SIZE = 1024, 64
"""Megabytes of HTML in the large one."""
FILTERS = ("gopher repetition", "gopher quality", "fineweb")
"""The heuristics that ours takes by default, in its order."""
PEERS = ("datatrove", "daft")
CASES = (*(f"{kind}/{peer}" for kind in (AGAINST, PLAIN) for peer in PEERS), WORKERS, MEMORY)
WITHOUT_HEURISTICS = {"repetition": False, "gopher": False, "fineweb": False}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """What to measure with."""

    folder: Path
    data: Path | None
    peers: Path | None
    """The Python of an environment that has Daft."""
    model: Path | None
    """A language model in fastText's format for the peers."""
    size: int
    """Megabytes of HTML in the large crawl."""
    rounds: Rounds

    @property
    def small(self) -> int:
        """Megabytes of HTML in the small crawl."""
        return max(LEAST, self.size // SMALL_SHARE)


def run_bench(
    quick: bool,
    only_json: bool,
    cases: Sequence[str],
    folder: Path | None,
    data: Path | None,
    peers: Path | None,
    model: Path | None,
    size: int | None,
) -> None:
    """Print a JSON line per case as soon as it is known, then a table, unless `only_json`.

    Crawls are kept in `folder` for the next time, if it is given. With `data`, the folder of data for development,
    half of the pages are real ones with other text.

    Raises:
        UserError: there is no such case, packages are missing, or one of our own processes failed.
    """
    wanted = wanted_of(cases, CASES)
    if importlib.util.find_spec("fastwarc") is None:
        raise UserError("bench corpus needs fastwarc; pip install 'encodery[crawl]'")
    notes = Console(stderr=True, quiet=only_json, highlight=False)
    say = partial(notes.print, soft_wrap=True, markup=False)
    results = []
    with tempfile.TemporaryDirectory(prefix="encodery-bench-") as temporary:
        setting = Setting(
            folder=folder or Path(temporary) / "crawls",
            data=data,
            peers=peers,
            model=model,
            size=size or (QUICK_SIZE if quick else FULL_SIZE),
            rounds=QUICK if quick else FULL,
        )
        for result in all_results(setting, Path(temporary), wanted, say):
            print(result.line(), flush=True)
            results.append(result)
    if not only_json:
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table(results))


def all_results(setting: Setting, work: Path, wanted: Sequence[str], say: Say) -> Iterator[Result]:
    """Against each peer on the small crawl; with two workers and for its memory on the large one."""
    bench = Bench(setting, work, say)
    for kind in (AGAINST, PLAIN):
        yield from bench.against(kind, [name.partition("/")[2] for name in wanted if name.startswith(f"{kind}/")])
    if WORKERS in wanted or MEMORY in wanted:
        yield from bench.alone(WORKERS in wanted, MEMORY in wanted)


@dataclass
class Bench:
    """Runs of ours and of the peers, in turn."""

    setting: Setting
    work: Path
    say: Say

    def against(self, kind: str, peers: Sequence[str]) -> Iterator[Result]:
        """Each engine runs once a round."""
        found = {peer: self._missing(peer) for peer in peers}
        for peer, missing in found.items():
            if missing:
                self.say(f"{peer} is left out: {missing}")
        present = [peer for peer, missing in found.items() if not missing]
        if not present:
            return
        crawl, order = self._crawl("small", self.setting.small)
        if kind == PLAIN:
            order = replace(order, filters=(), settings=WITHOUT_HEURISTICS)
        runs = self._play({"ours": order, **{peer: replace(order, engine=peer) for peer in present}})
        for peer in present:
            yield against_result(kind, peer, crawl, runs["ours"], runs[peer])
        if kind == AGAINST and "datatrove" in runs:
            yield from step_results(crawl, runs["ours"], runs["datatrove"])

    def alone(self, workers: bool, memory: bool) -> Iterator[Result]:
        """One worker and two on the large crawl, one on the small."""
        crawl, large = self._crawl("large", self.setting.size)
        runs = self._play({"one": large, **({"two": replace(large, workers=2)} if workers else {})})
        if workers:
            yield workers_result(crawl, runs["one"], runs["two"])
        if memory:
            small_crawl, small = self._crawl("small", self.setting.small)
            yield memory_result(small_crawl, crawl, self._play({"ours": small})["ours"], runs["one"])

    def _crawl(self, name: str, megabytes: int) -> tuple[Crawl, Order]:
        folder = self.setting.folder / f"{name}-{megabytes}"
        self.say(f"a crawl of {megabytes} MB of HTML in {folder} ...")
        crawl = make_crawl(folder, megabytes * MEGABYTE, self.setting.data)
        order = Order(
            "ours",
            str(folder.resolve()),
            str(self.work / "run"),
            model=str(self.setting.model.resolve()) if self.setting.model else "",
            filters=FILTERS,
            packages=tuple(packages_of(self.setting.peers)) if self.setting.peers else (),
        )
        return crawl, order

    def _missing(self, peer: str) -> str:
        """Why a peer cannot run here, if it cannot."""
        if peer == "daft" and not self.setting.peers and importlib.util.find_spec("daft") is None:
            return "Daft is not installed; name the Python of an environment that has it: --peers"
        return "" if importlib.util.find_spec("datatrove") else "datatrove is not installed"

    def _play(self, orders: Mapping[str, Order]) -> dict[str, list[Done]]:
        """The runs of each that count: those that were not disturbed."""
        runs: dict[str, list[tuple[Turn, Done]]] = {name: [] for name in orders}

        def turn(name: str) -> Turn:
            self.say(f"  {name}: {orders[name].engine}, {orders[name].workers} worker(s) ...")
            done = run_side(orders[name])
            runs[name].append((Turn((done.seconds,), done.others_cores), done))
            return runs[name][-1][0]

        take_turns({name: partial(turn, name) for name in orders}, self.setting.rounds)
        kept = {}
        for name, played in runs.items():
            counted = keep([turn for turn, _ in played], self.setting.rounds.rounds)
            kept[name] = [done for turn, done in played if any(turn is one for one in counted.kept)]
        return kept


def packages_of(python: Path) -> list[str]:
    """Where the packages of another Python lie.

    Raises:
        UserError: it cannot be asked.
    """
    program = "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('platlib'))"
    try:
        done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"--peers {python}: cannot be run ({error}); name the python of an environment") from None
    return list(dict.fromkeys(done.stdout.split()))
