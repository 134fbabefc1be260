"""The process of one engine: `python -m encodery.bench.predict_worker ENGINE FOLDER FILES BUNDLES TEXTS`.

Orders in, reports out, a JSON line each. It lives as long as its cases, so that engines can work in turn.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from encodery.bench.predict_engines import ENGINES, Places, Side
from encodery.bench.predict_texts import Texts

_PACKAGES = ("ctranslate2",)
"""That are nowhere else than in another Python."""
_WARM, _LEAST, _MOST = 2, 5, 2000
"""Requests before any counts, and at least and at most so many that do."""
FIRST_REQUESTS = 256
"""Of natural lengths, in a pass, where there are so many."""


class Work:
    """What can be ordered of an engine, by name."""

    def __init__(self, load: Callable[[], Side], texts: Texts) -> None:
        self._load = load
        self._texts = texts
        self._side = load()

    def request(self, length: int, seconds: float) -> list[float]:
        """The same text of a fixed length again and again."""
        return _repeated(partial(self._side.request, self._side.prepare(self._texts.fixed[length])), seconds)

    def whole(self, length: int, seconds: float) -> list[float]:
        """The same, tokenisation and decoding included."""
        return _repeated(partial(self._side.label, [self._texts.fixed[length]], "offline"), seconds)

    def first(self) -> list[float]:
        """Natural lengths, by an engine that was loaded anew and has seen none of them."""
        del self._side
        gc.collect()
        self._side = self._load()
        return self.mixed()

    def mixed(self) -> list[float]:
        """Natural lengths, a request each."""
        prepared = [self._side.prepare(text) for text in self._texts.natural[:FIRST_REQUESTS]]
        return [_timed(partial(self._side.request, one)) for one in prepared]

    def label(self, how: Any) -> list[float]:
        """All texts to labels, once."""
        return [_timed(partial(self._side.label, self._texts.natural, how))]

    def logits(self, number: int) -> list[list[float]]:
        """What the engine says of the first texts, one by one."""
        texts = [self._side.prepare(text) for text in self._texts.natural[:number]]
        return [self._side.request(prepared).tolist() for prepared in texts]


def _repeated(call: Callable[[], object], seconds: float) -> list[float]:
    for _ in range(_WARM):
        call()
    times: list[float] = []
    spent = 0.0
    while (spent < seconds and len(times) < _MOST) or len(times) < _LEAST:
        times.append(_timed(call))
        spent += times[-1]
    return times


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main(arguments: list[str]) -> None:
    """Load the engine, say so, and work until the orders end."""
    engine, folder, files, bundles, texts = arguments
    places = Places(Path(folder), Path(files), Path(bundles))
    # what libraries print must not end up among the reports
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as reports:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        report = partial(print, file=reports, flush=True)
        seconds = time.perf_counter()
        work = Work(partial(ENGINES[engine], places), Texts.load(Path(texts)))
        report(json.dumps({"seconds": time.perf_counter() - seconds, "versions": _versions()}))
        serve(work, sys.stdin, report)


def serve(work: Work, orders: Iterator[str], report: Callable[[str], object]) -> None:
    """An order is `{"do": name, ...}`; the report has what came of it and the memory that is held."""
    for line in orders:
        order: dict[str, Any] = json.loads(line)
        result = getattr(work, order.pop("do"))(**order)
        report(json.dumps({"result": result, "bytes": resident_bytes()}))


def resident_bytes() -> int:
    """Memory of this process now; 0 where there is no Linux `/proc`."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _versions() -> dict[str, str]:
    """Of packages that this process has imported."""
    found = {}
    for package in _PACKAGES:
        if package in sys.modules:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
