"""One run of a pipeline over a crawl, in a process of its own: it prints a JSON line when it is done.

`python -m encodery.bench.corpus_worker '{"engine": "ours", "crawl": ..., "work": ..., "workers": 1}'`. It may be the
Python of another environment: then packages that this one lacks are taken from `packages`, and it says little of its
own.
"""

import importlib
import importlib.metadata
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODULES = {
    "ours": "encodery.bench.corpus_ours",
    "datatrove": "encodery.bench.corpus_datatrove",
    "daft": "encodery.bench.corpus_daft",
}


@dataclass(frozen=True)
class Order:
    """What to run."""

    engine: str
    crawl: str
    work: str
    """A new folder; what is kept comes into `kept` in it."""
    workers: int = 1
    """Processes, and cores that are theirs."""
    model: str = ""
    """A language model in fastText's format for the peers; py3langid if not given."""
    filters: Sequence[str] = ()
    """Heuristics of the peers, by name."""
    settings: dict[str, Any] = field(default_factory=dict)
    """`[corpus.clean]` of ours."""
    packages: Sequence[str] = ()
    """Folders of packages that are looked into last."""


@dataclass(frozen=True)
class Ran:
    """What an engine says of its run."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    """Of each step, all workers together."""
    facts: Mapping[str, float | int] = field(default_factory=dict)
    """What else it knows."""


def run(order: Order) -> dict[str, Any]:
    """Run it on as many cores as it has workers."""
    sys.path.extend(order.packages)
    _pin(order.workers)
    module = importlib.import_module(MODULES[order.engine])
    started = time.perf_counter()
    ran: Ran = module.run(order)
    seconds = time.perf_counter() - started
    lengths = [len(text) - text.count("\n") for text in module.texts(Path(order.work))]
    return {
        "seconds": seconds,
        "steps": {_plain(name): taken for name, taken in ran.seconds.items()},
        "facts": ran.facts,
        "documents": len(lengths),
        "characters": sum(lengths),
        "version": "" if order.engine == "ours" else importlib.metadata.version(order.engine),
    }


def _plain(name: str) -> str:
    """A name without pictures."""
    return re.sub(r"[^\w /-]+", "", name).strip()


def _pin(workers: int) -> None:
    """No engine uses more cores than it was given, whatever threads it starts."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:workers])


if __name__ == "__main__":
    sys.stdout, report = sys.stderr, sys.stdout  # what pipelines print is no report
    print(json.dumps(run(Order(**json.loads(sys.argv[1])))), file=report, flush=True)
