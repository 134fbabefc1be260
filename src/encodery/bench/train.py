"""`encodery bench train`: pretraining speed and memory, ours against the Trainer of `transformers`."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from rich.console import Console

from encodery.bench.asking import require_peers, wanted_of
from encodery.bench.engines import start
from encodery.bench.jobs import Case, cases_for
from encodery.bench.result import Result, make_result, ratio, table
from encodery.bench.rounds import Block, Outcome, Plan, alternate
from encodery.bench.text import Text, padding_ratio, write_workload
from encodery.errors import UserError

FULL = Plan(rounds=7, repeats=7, block_seconds=4.0, least_steps=3)
QUICK = Plan(rounds=3, repeats=2, block_seconds=2.0)
_FILE_WIDTH = 110


def run_bench(quick: bool, device: str, only_json: bool, cases: Sequence[str]) -> None:
    """Print a JSON line per figure as soon as it is known, then a table, unless `only_json`.

    `cases` are names of figures or beginnings of them (`small`, `base/packed`); all if empty.

    Raises:
        UserError: no such device or case, the peer is not installed, or a worker died.
    """
    _require_device(device)
    selected = select_cases(cases_for(device), cases)
    require_peers("train", "transformers", "accelerate")
    notes = Console(stderr=True, quiet=only_json, highlight=False)
    plan = QUICK if quick else FULL
    results = []
    with tempfile.TemporaryDirectory(prefix="encodery-bench-") as name:
        folder, text = Path(name), Text.make()
        write_workload(text, folder)
        for case in selected:
            notes.print(f"{case.figures[0].case}: ours against {case.peer_name} ...", soft_wrap=True)
            outcome = measure(case, folder, plan)
            if not outcome.is_quiet:
                notes.print("  others used the cores all along: these rounds are the least disturbed ones")
            for result in results_of(case, outcome, text):
                print(result.line(), flush=True)
                results.append(result)
    if not only_json:
        width = None if sys.stdout.isatty() else _FILE_WIDTH
        Console(file=sys.stdout, width=width).print(table(results))


def select_cases(cases: Sequence[Case], wanted: Sequence[str]) -> list[Case]:
    """The cases with the wanted figures, and these figures only.

    Raises:
        UserError: a name fits no figure.
    """
    chosen = wanted_of(wanted, [figure.case for case in cases for figure in case.figures])
    selected = [
        Case(
            tuple(figure for figure in case.figures if figure.case in chosen),
            case.peer,
            case.peer_name,
        )
        for case in cases
    ]
    return [case for case in selected if case.figures]


def measure(case: Case, folder: Path, plan: Plan) -> Outcome:
    """Both engines of a case, in turn."""
    name = case.figures[0].case.replace("/", "-")
    with (
        start(case.ours, folder, folder / name / "ours") as ours,
        start(case.peer, folder, folder / name / "peer") as peer,
    ):
        assert ours.parameters == peer.parameters, "the two models differ"
        return alternate(ours, peer, plan)


def results_of(case: Case, outcome: Outcome, text: Text) -> Iterator[Result]:
    """The figures of a case."""
    ours_tokens = median(r.ours.tokens for r in outcome.rounds)
    peer_tokens = median(r.peer.tokens for r in outcome.rounds)
    for figure in case.figures:
        pairs = [(value(figure.unit, r.ours), value(figure.unit, r.peer)) for r in outcome.rounds]
        # a high-water mark only rises: the last is the peak; everything else is a median
        middle = max if figure.unit == "MB" else median
        ours, peer = (middle(side) for side in zip(*pairs, strict=True))
        ratios = [ratio(figure.unit, *pair) for pair in pairs]
        metric = {
            "target_ratio": figure.target_ratio,
            "target_ours": figure.target_ours,
            "ratio_low": min(ratios),
            "ratio_high": max(ratios),
            **outcome.facts(),
            "tokens_per_step": ours_tokens / outcome.ours_steps,
            "peer_tokens_per_step": peer_tokens / outcome.peer_steps,
            "peer_padding_ratio": _padding(case, text),
        }
        yield make_result("train", figure.case, figure.unit, ours, peer, case.peer_name, metric, case.peer.device)


def value(unit: str, block: Block) -> float:
    """A block's number in a unit."""
    match unit:
        case "tokens/s":
            return block.tokens / block.seconds
        case "ns/token":
            return 1e9 * block.seconds / block.tokens
        case _:
            return block.peak_bytes / 1e6


def _padding(case: Case, text: Text) -> float:
    if case.peer.layout == "packed":
        return 1.0
    return padding_ratio(text.lengths + 2, case.peer.sequences_per_batch)


def _require_device(device: str) -> None:
    if device not in ("cpu", "cuda"):
        raise UserError(f"--device {device}: only cpu and cuda are measured")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError(
                "--device cuda: skipped, this machine has no usable CUDA device; use --device cpu, or run it where "
                "there is a GPU"
            )
