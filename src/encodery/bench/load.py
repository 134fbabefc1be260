"""`encodery bench load`: from a model folder to its first prediction, ours against `transformers`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from encodery.artifact import publish
from encodery.bench.asking import require_peers
from encodery.bench.engines import ENVIRONMENT
from encodery.bench.jobs import Figure
from encodery.bench.machine import OthersWatch
from encodery.bench.result import Result, make_result, ratio, table
from encodery.bench.rounds import Block, Outcome, Plan, alternate
from encodery.bench.text import SPECIAL_TOKENS, VOCAB_SIZE
from encodery.config import write_json
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.families.weights import WEIGHTS
from encodery.text.tokenizer import Tokenizer

FULL = Plan(rounds=7, repeats=7, block_seconds=0.0)
QUICK = Plan(rounds=3, repeats=2, block_seconds=0.0)
MEMORY_LIMIT = 1.2
"""Memory over the size of the weights."""
AGREEMENT = 1e-5
PEER = "transformers AutoTokenizer + AutoModelForSequenceClassification"
LABELS = ("negative", "neutral", "positive")
TEXT = "w17 w5 w1009 w3 w29989 w101 w2 w7"
_SEED = 20_181_011


@dataclass(frozen=True)
class Case:
    """A folder, how it is met, and what is read off it."""

    figures: tuple[Figure, ...]
    published: bool = False
    """Written as an artifact of ours, so that we compare each file with its hash; the peer knows no hashes."""
    cold: bool = False
    """The operating system forgets the weights before each run, so that they come from the disk."""


CASES = (
    Case((Figure("start", "s", target_ratio=2.0), Figure("load", "s", target_ratio=2.0), Figure("memory", "MB"))),
    Case((Figure("published/start", "s"), Figure("published/load", "s")), published=True),
    Case((Figure("cold/start", "s"), Figure("cold/load", "s")), cold=True),
)


@dataclass(frozen=True)
class First(Block):
    """One process, from its start (`seconds`); `peak_bytes` are those beyond what the imports took."""

    load_seconds: float
    label: str
    score: float


@dataclass(frozen=True)
class Side:
    """An engine; a step is one new process."""

    engine: str
    folder: Path
    cold: bool

    def run(self, steps: int) -> First:
        """Start one process, and wait for its first prediction.

        Raises:
            UserError: it ended without one; names the last thing it said.
        """
        assert steps == 1, "a process has one first prediction"
        if self.cold:
            forget(self.folder / WEIGHTS)
        command = (sys.executable, "-m", "encodery.bench.first", self.engine, str(self.folder), TEXT)
        with OthersWatch([os.getpid()]) as others:
            done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ENVIRONMENT)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise UserError(f"bench: the process of {self.engine} ended with code {done.returncode}: {said[-1]}")
        report: dict[str, Any] = json.loads(done.stdout)
        return First(
            seconds=others.seconds,
            tokens=0,
            peak_bytes=report["bytes"],
            others_cores=others.cores,
            load_seconds=report["seconds"],
            label=report["label"],
            score=report["score"],
        )


def run_bench(quick: bool, only_json: bool) -> None:
    """Print a JSON line per figure as soon as it is known, then a table, unless `only_json`.

    Raises:
        UserError: the peer is not installed, a process died, or the two sides predict different things.
    """
    require_peers("load", "transformers")
    notes = Console(stderr=True, quiet=only_json, highlight=False)
    results = []
    with tempfile.TemporaryDirectory(prefix="encodery-bench-") as name:
        for case in CASES:
            notes.print(f"{case.figures[0].case}: ours against {PEER} ...", soft_wrap=True)
            folder = write_folder(Path(name), case.published)
            ours, peer = (Side(engine, folder, case.cold) for engine in ("encodery", "transformers"))
            outcome = alternate(ours, peer, QUICK if quick else FULL)
            if not outcome.is_quiet:
                notes.print("  others used the cores all along: these rounds are the least disturbed ones")
            for result in results_of(case, outcome, (folder / WEIGHTS).stat().st_size):
                print(result.line(), flush=True)
                results.append(result)
    if not only_json:
        Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110).print(table(results))


def write_folder(parent: Path, published: bool, preset: str = "base") -> Path:
    """A BERT with pooler, sequence head and random weights; where it is there already, as it is."""
    folder = parent / ("published" if published else "folder")
    if folder.exists():
        return folder
    made = _model_folder(parent / "vocabulary", preset)
    if published:
        with publish(folder, {"stage": "bench", "key": "0" * 64}) as into:
            save_folder(into, made)
    else:
        folder.mkdir()
        save_folder(folder, made)
    return folder


def _model_folder(vocabulary: Path, preset: str) -> ModelFolder:
    vocabulary.mkdir(exist_ok=True)
    words = [f"w{number}" for number in range(VOCAB_SIZE - len(SPECIAL_TOKENS))]
    (vocabulary / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, *words]) + "\n", encoding="utf-8")
    write_json(vocabulary / "tokenizer_config.json", {"do_lower_case": True})
    family = FAMILIES["bert"]
    model = family.model(family.encoder(family.preset(preset), preset), ["sequence"], len(LABELS))
    model.initialize(_SEED)
    return ModelFolder(family, model, Tokenizer.load(vocabulary), LABELS)


def forget(path: Path) -> None:
    """Let the operating system drop a file from its memory, where it can (Linux)."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # what is not on the disk yet cannot be dropped
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def results_of(case: Case, outcome: Outcome, weights_bytes: int) -> Iterator[Result]:
    """The figures of a case.

    Raises:
        UserError: the two sides do not predict the same.
    """
    blocks = [(_first(r.ours), _first(r.peer)) for r in outcome.rounds]
    check_agreement(blocks)
    for figure in case.figures:
        pairs = [(value(figure, ours), value(figure, peer)) for ours, peer in blocks]
        ours, peer = (median(side) for side in zip(*pairs, strict=True))
        ratios = [ratio(figure.unit, *pair) for pair in pairs]
        metric = {
            "target_ratio": figure.target_ratio,
            "target_ours": MEMORY_LIMIT * weights_bytes / 1e6 if figure.unit == "MB" else None,
            "ratio_low": min(ratios),
            "ratio_high": max(ratios),
            **outcome.facts(),
            "weights_mb": weights_bytes / 1e6,
            "score_difference": max(abs(a.score - b.score) for a, b in blocks),
        }
        yield make_result("load", figure.case, figure.unit, ours, peer, PEER, metric)


def check_agreement(blocks: Sequence[tuple[First, First]]) -> None:
    """Raises `UserError` if a round gave two labels, or scores further apart than `AGREEMENT`."""
    for ours, peer in blocks:
        if ours.label != peer.label or abs(ours.score - peer.score) > AGREEMENT:
            raise UserError(
                f"bench load: ours predicts {ours.label} ({ours.score}), the peer {peer.label} ({peer.score}); "
                "times of different results are not compared, report this"
            )


def value(figure: Figure, block: First) -> float:
    """A block's number for a figure."""
    if figure.unit == "MB":
        return block.peak_bytes / 1e6
    return block.load_seconds if figure.case.endswith("load") else block.seconds


def _first(block: Block) -> First:
    assert isinstance(block, First)
    return block
