"""Our side: the phases of `[corpus.clean]` as the stage `corpus` runs them."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

from encodery.corpus.clean_table import DOCUMENTS, CleanTable
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.launch import finished_tasks
from encodery.corpus.phases import Cleaning

TASK_BYTES = 1 << 24
"""Tasks small enough that two workers have the same work."""
_KEPT = "kept"


def run(crawl: Path, work: Path, workers: int, settings: dict[str, Any]) -> dict[str, float]:
    """Leave what is kept in `work/kept`; the seconds of each step, all workers together."""
    launch = {"type": "local", "workers": workers}
    table = CleanTable.parse({"task_bytes": TASK_BYTES, **settings, "launch": launch}, "corpus.clean")
    cleaning = Cleaning(table, [CorpusInput(path="*.warc.gz")], crawl, work / "phases")
    for phase in cleaning.phases():
        for _ in finished_tasks(phase, table.launch):
            pass
    return dict(cleaning.collect(work / _KEPT).seconds)


def texts(work: Path) -> Iterator[str]:
    """The texts that are kept."""
    for path in sorted((work / _KEPT / DOCUMENTS).rglob("*.jsonl.zst")):
        with path.open("rb") as file:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
                yield json.loads(line)["text"]
