"""From the answers of all servers to the lines of `encodery bench serve`."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from encodery.bench.result import Result, make_result
from encodery.bench.serve_sides import INFINITY, OPENVINO, OURS, PLAIN
from encodery.bench.serve_sides import NAMES as SIDE_NAMES
from encodery.bench.turns import Turns

BENCH = "serve"
IN_PROCESS, TAKEN = "in process", " with a neighbour"
MOST_OVERHEAD, LEAST_OVER_PLAIN, LEAST_OVER_INFINITY, MOST_SLOWER = 0.4, 1.5, 5.0, 3.0
Played = Mapping[str, Turns]
"""By side."""


@dataclass(frozen=True)
class Figure:
    """One line of output."""

    name: str
    unit: str
    peers: tuple[str, ...]
    """The best of those that ran is the one that is compared with."""
    value: Callable[[Played, str], float]
    """Of a side."""
    target_ratio: float | None = None
    target_ours: float | None = None


def p50(played: Played, side: str) -> float:
    """Milliseconds."""
    return 1e3 * played[side].seconds(0.5)


def overhead(played: Played, side: str) -> float:
    """Milliseconds that an answer takes longer than the same prediction without HTTP; a microsecond at least."""
    return max(0.001, p50(played, side) - p50(played, IN_PROCESS))


def rate(played: Played, side: str) -> float:
    """Requests a second."""
    return played[side].rate()


def slowdown(played: Played, side: str) -> float:
    """How many times longer the 99th percentile is with a neighbour."""
    return played[side + TAKEN].seconds(0.99) / played[side].seconds(0.99)


FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "one": (
        Figure("one/overhead", "ms", (PLAIN,), overhead, target_ours=MOST_OVERHEAD),
        Figure("one/latency", "ms", (PLAIN, OPENVINO, INFINITY), p50),
    ),
    "busy": (
        Figure("busy/plain", "requests/s", (PLAIN,), rate, target_ratio=LEAST_OVER_PLAIN),
        Figure("busy/openvino", "requests/s", (OPENVINO,), rate),
        Figure("busy/infinity", "requests/s", (INFINITY,), rate, target_ratio=LEAST_OVER_INFINITY),
    ),
    "neighbour": (Figure("neighbour/p99", "times", (PLAIN,), slowdown, target_ours=MOST_SLOWER),),
}
"""By what is played: one client, many, one beside a process that takes a core."""
NAMES_OF = {group: frozenset(figure.name for figure in figures) for group, figures in FIGURES.items()}
NAMES = tuple(figure.name for figures in FIGURES.values() for figure in figures)


def results_of(group: str, played: Played, wanted: Collection[str]) -> Iterator[Result]:
    """The wanted figures of a group; those whose peers did not run are left out."""
    for figure in FIGURES[group]:
        peers = {side: figure.value(played, side) for side in figure.peers if side in played}
        if figure.name in wanted and peers:
            best = (max if figure.unit == "requests/s" else min)(peers, key=peers.__getitem__)
            ours = figure.value(played, OURS)
            metric = {
                "target_ratio": figure.target_ratio,
                "target_ours": figure.target_ours,
                **_facts([played[side] for side in (OURS, best)]),
                **_percentiles(played),
            }
            yield make_result(BENCH, figure.name, figure.unit, ours, peers[best], SIDE_NAMES[best], metric)


def _facts(both: list[Turns]) -> dict[str, int | float | bool]:
    return {
        "rounds": min(len(turns.kept) for turns in both),
        "dropped_rounds": max(turns.dropped for turns in both),
        "quiet": all(turns.is_quiet for turns in both),
        "others_cores": median(turn.others_cores for turns in both for turn in turns.kept),
    }


def _percentiles(played: Played) -> dict[str, float]:
    """Milliseconds of every side that took part."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        f"{side} {name}": 1e3 * turns.seconds(share)
        for side, turns in played.items()
        for name, share in shares.items()
    }
