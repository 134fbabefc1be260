"""Our side: the phases of `[corpus.clean]` as the stage `corpus` runs them."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import zstandard

from encodery.bench.corpus_worker import Order, Ran
from encodery.corpus.clean_table import DOCUMENTS, CleanTable
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.launch import finished_tasks
from encodery.corpus.phases.cleaning import Cleaning

TASK_BYTES = 1 << 24
"""Tasks small enough that two workers have the same work."""
_KEPT = "kept"


def run(order: Order) -> Ran:
    """Leave what is kept in `work/kept`."""
    work = Path(order.work)
    launch = {"type": "local", "workers": order.workers}
    table = CleanTable.parse({"task_bytes": TASK_BYTES, **order.settings, "launch": launch}, "corpus.clean")
    (work / "phases").mkdir()
    cleaning = Cleaning(table, [CorpusInput(path="*.warc.gz")], Path(order.crawl), work / "phases")
    disk = {}
    for phase in cleaning.phases():
        for _ in finished_tasks(phase, table.launch):
            pass
        disk[f"disk_mb.{phase.name}"] = sum(p.stat().st_size for p in work.rglob("*") if p.is_file()) / 1e6
    account = cleaning.collect(work / _KEPT)
    counts, first = account.ledger.counts, f"left/{account.ledger.steps[0]}/"
    read = sum(number for (name, unit), number in counts.items() if name.startswith(first) and unit == "characters")
    kept = sum(path.stat().st_size for path in (work / _KEPT).rglob("*") if path.is_file())
    return Ran(account.seconds, {"read_characters": read, "kept_mb": kept / 1e6, **disk})


def texts(work: Path) -> Iterator[str]:
    """The texts that are kept."""
    for path in sorted((work / _KEPT / DOCUMENTS).rglob("*.jsonl.zst")):
        with path.open("rb") as file:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
                yield json.loads(line)["text"]
