"""What the runs of `encodery bench corpus` come to."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from encodery.bench.corpus_sides import Done
from encodery.bench.crawl import Crawl
from encodery.bench.machine import versions
from encodery.bench.result import NO_MORE, Result, make_result
from encodery.bench.rounds import QUIET_CORES

BENCH = "corpus"
AGAINST, PLAIN, WORKERS, MEMORY = "pipeline", "plain", "workers", "memory"
TARGETS = {"datatrove": 3.0, "daft": 1.0}
WORKERS_TARGET = 1.8
STEP = "step"
STEPS = {
    "read": (("read",), ("read", "extract")),
    "language": (("language",), ("language",)),
    "heuristics": (("repetition", "gopher", "fineweb"), ("Gopher Repetition", "Gopher Quality", "FineWeb Quality")),
    "paragraphs": (("paragraphs",), tuple(f"sentence-deduplication stage {n}" for n in (1, 2, 3))),
    "near": (("near",), tuple(f"MinHash stage {n}" for n in (1, 2, 3, 4))),
}
"""What the steps are called that do the same on both sides, by case."""
_UNIT = "MB/s"
PACKAGES = ("datatrove", "fastwarc", "resiliparse", "py3langid", "fasttext-predict", "pyarrow")


def against_result(kind: str, peer: str, crawl: Crawl, ours: Sequence[Done], theirs: Sequence[Done]) -> Result:
    """HTML a second of one core, and whether both keep about the same."""
    megabytes = crawl.html_bytes / 1e6
    fast, slow = ([megabytes / done.seconds for done in runs] for runs in (ours, theirs))
    ratios = [a / b for a, b in zip(fast, slow, strict=False)]
    metric = {
        "target_ratio": TARGETS[peer],
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        **_crawl_facts(crawl),
        **_kept("ours", ours[0]),
        **_kept("peer", theirs[0]),
        "ours_peak_mb": median(done.peak_bytes for done in ours) / 1e6,
        "peer_peak_mb": median(done.peak_bytes for done in theirs) / 1e6,
        **ours[0].facts,
        **_steps("ours", crawl, ours),
        **_steps("peer", crawl, theirs),
        **_quiet([*ours, *theirs]),
    }
    name = f"{peer} {theirs[0].version}, one worker"
    case = f"{kind}/{peer}"
    return _result(case, _UNIT, median(fast), median(slow), name, metric, {peer: theirs[0].version})


def step_results(crawl: Crawl, ours: Sequence[Done], theirs: Sequence[Done]) -> Iterator[Result]:
    """HTML a second of one core by step, of steps that datatrove has, too."""
    for name, sides in STEPS.items():
        seconds = [
            median(sum(done.steps.get(step, 0.0) for step in steps) for done in runs)
            for runs, steps in zip((ours, theirs), sides, strict=True)
        ]
        if all(seconds):
            fast, slow = (crawl.html_bytes / 1e6 / taken for taken in seconds)
            peer = f"datatrove {theirs[0].version}"
            yield _result(f"{STEP}/{name}", _UNIT, fast, slow, peer, _quiet([*ours, *theirs]))


def workers_result(crawl: Crawl, one: Sequence[Done], two: Sequence[Done]) -> Result:
    """How much faster two workers are; both leave the same documents."""
    megabytes = crawl.html_bytes / 1e6
    fast, slow = (megabytes / median(done.seconds for done in runs) for runs in (two, one))
    metric = {
        "target_ratio": WORKERS_TARGET,
        **_crawl_facts(crawl),
        "same_documents": len({(done.documents, done.characters) for done in (*one, *two)}) == 1,
        **one[0].facts,
        **_steps("ours", crawl, one),
        **_quiet([*one, *two]),
    }
    return _result(WORKERS, _UNIT, fast, slow, "ours, one worker", metric)


def memory_result(small: Crawl, large: Crawl, few: Sequence[Done], many: Sequence[Done]) -> Result:
    """The most memory of all processes on the large crawl, against that on the small one."""
    metric = {
        "html_mb": large.html_bytes / 1e6,
        "peer_html_mb": small.html_bytes / 1e6,
        "times_the_input": large.html_bytes / small.html_bytes,
        **_quiet([*few, *many]),
    }
    high, low = (max(done.peak_bytes for done in runs) / 1e6 for runs in (many, few))
    return _result(MEMORY, "MB", high, low, "ours, on the small crawl", metric)


def _result(
    case: str,
    unit: str,
    ours: float,
    peer: float,
    name: str,
    metric: Mapping[str, int | float | bool | None],
    more: Mapping[str, str] = NO_MORE,
) -> Result:
    return make_result(BENCH, case, unit, ours, peer, name, metric, more_versions={**versions(PACKAGES), **more})


def _crawl_facts(crawl: Crawl) -> dict[str, int | float | bool | None]:
    return {
        "html_mb": crawl.html_bytes / 1e6,
        "pages": crawl.pages,
        "exact_copies": crawl.kinds.get("exact", 0),
        "near_copies": crawl.kinds.get("near", 0),
    }


def _kept(side: str, done: Done) -> dict[str, int | float | bool | None]:
    return {f"{side}_documents": done.documents, f"{side}_characters": done.characters}


def _steps(side: str, crawl: Crawl, runs: Sequence[Done]) -> dict[str, int | float | bool | None]:
    """Milliseconds for a MB of HTML of each step, all workers together; those that take long enough to tell."""
    found = {
        f"{side}_ms_per_mb.{name}": median(done.steps.get(name, 0.0) for done in runs) * 1e9 / crawl.html_bytes
        for name in runs[0].steps
    }
    return {name: value for name, value in found.items() if value >= 0.01}


def _quiet(runs: Sequence[Done]) -> dict[str, int | float | bool | None]:
    most = median(done.others_cores for done in runs)
    return {"runs": len(runs), "quiet": all(d.others_cores <= QUIET_CORES for d in runs), "others_cores": most}
