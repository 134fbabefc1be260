"""`encodery bench translate`: tokens a second of search and of training, ours against MarianMT in `transformers`.

Both sides have random weights of the same sizes, read the same pairs and compute in the same precision; each in a
process of its own, in turn. Tokens that are padding, and tokens of beams that are not the best, do not count.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console

from encodery.bench.asking import require_peers, wanted_of
from encodery.bench.engines import Worker
from encodery.bench.result import Result, make_result, ratio, table
from encodery.bench.rounds import Outcome, Plan, alternate
from encodery.bench.translate_jobs import Case, Job, all_cases

FULL = Plan(rounds=5, repeats=5, block_seconds=4.0)
QUICK = Plan(rounds=3, repeats=2, block_seconds=1.0)
SAME_SIZE = 0.001
"""The two models differ by the bias of the logits, which is no parameter of theirs."""
_FILE_WIDTH = 110


def run_bench(quick: bool, only_json: bool, cases: Sequence[str]) -> None:
    """Print a JSON line per case as soon as it is known, then a table, unless `only_json`.

    `cases` are names or beginnings of names (`decode`, `train/small`); all if empty.

    Raises:
        UserError: no such case, the peer is not installed, or a worker died.
    """
    selected = select_cases(cases)
    require_peers("translate", "transformers")
    notes = Console(stderr=True, quiet=only_json, highlight=False)
    results = []
    with tempfile.TemporaryDirectory(prefix="encodery-bench-") as name:
        for case in selected:
            notes.print(f"{case.name}: ours against {case.peer_name} ...", soft_wrap=True)
            outcome = measure(case, Path(name), QUICK if quick else FULL)
            if not outcome.is_quiet:
                notes.print("  others used the cores all along: these rounds are the least disturbed ones")
            results.append(result_of(case, outcome))
            print(results[-1].line(), flush=True)
    if not only_json:
        width = None if sys.stdout.isatty() else _FILE_WIDTH
        Console(file=sys.stdout, width=width).print(table(results))


def select_cases(wanted: Sequence[str]) -> list[Case]:
    """Those whose names begin so.

    Raises:
        UserError: a name fits none.
    """
    chosen = wanted_of(wanted, [case.name for case in all_cases()])
    return [case for case in all_cases() if case.name in chosen]


def measure(case: Case, folder: Path, plan: Plan) -> Outcome:
    """Both engines of a case, in turn."""
    place = folder / case.name.replace("/", "-")
    with (
        start(case.of("encodery"), place / "ours") as ours,
        start(case.of("transformers"), place / "peer") as peer,
    ):
        assert abs(ours.parameters / peer.parameters - 1) < SAME_SIZE, "the two models differ"
        return alternate(ours, peer, plan)


def start(job: Job, work: Path) -> Worker:
    """The worker of a job; `work` is its own, new folder."""
    work.mkdir(parents=True)
    command = (sys.executable, "-m", "encodery.bench.translate_worker", job.model_dump_json(), str(work))
    return Worker(f"{job.engine} {job.work}", command, work / "stderr.txt")


def result_of(case: Case, outcome: Outcome) -> Result:
    """The medians of the rounds, in tokens a second."""
    pairs = [(r.ours.tokens / r.ours.seconds, r.peer.tokens / r.peer.seconds) for r in outcome.rounds]
    ours, peer = (median(side) for side in zip(*pairs, strict=True))
    ratios = [ratio("tokens/s", *pair) for pair in pairs]
    metric = {
        "target_ratio": case.target_ratio,
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        **outcome.facts(),
    }
    return make_result("translate", case.name, "tokens/s", ours, peer, case.peer_name, metric)
