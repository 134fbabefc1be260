"""From the times of all engines to the lines of `encodery bench predict`: arithmetic and tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import geometric_mean, median

from rich.table import Table

from encodery.bench.predict_cases import Figure, Means
from encodery.bench.result import Result, make_result, ratio
from encodery.bench.turns import Turns

BENCH = "predict"
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True)
class Setting:
    """What belongs to all figures of a size."""

    num_tokens: int = 0
    """Of the texts that are labelled."""
    flops: Mapping[int, float] = field(default_factory=dict)
    """Of a request by its length."""
    peaks: Mapping[str, float] = field(default_factory=dict)
    """Of this machine, 1e9 operations a second by number format; empty where not measured."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of packages in the other Python."""


def result_of(figure: Figure, turns: Mapping[str, Turns], setting: Setting) -> Result | None:
    """Ours against the best of the peers that ran; None where none did."""
    peers = {job.name: value(figure, turns[job.name], setting) for job in figure.peers if job.name in turns}
    if not peers:
        return None
    ours_turns = turns[figure.ours.name]
    ours = value(figure, ours_turns, setting)
    best = min(peers, key=lambda name: ratio(figure.unit, ours, peers[name]))
    both = (ours_turns, turns[best])
    metric: dict[str, int | float | bool | None] = {
        "target_ratio": figure.target_ratio,
        "rounds": min(len(side.kept) for side in both),
        "dropped_rounds": max(side.dropped for side in both),
        "quiet": all(side.is_quiet for side in both),
        "others_cores": median(turn.others_cores for side in both for turn in side.kept),
        **_percentiles(figure, both),
        **_work_rate(figure, ours, setting),
        **peers,
    }
    return make_result(
        BENCH, figure.name, figure.unit, ours, peers[best], best, metric, more_versions=setting.versions
    )


def value(figure: Figure, turns: Turns, setting: Setting) -> float:
    """What an engine's turns come to, in the unit of the figure."""
    if figure.unit == "tokens/s":
        return setting.num_tokens / turns.seconds()
    return 1e3 * turns.seconds(figure.share)


def means_result(means: Means, results: Mapping[str, Result], setting: Setting) -> Result | None:
    """The geometric means of both sides over results, at each the best peer; None where one of them is missing."""
    if not all(name in results for name in means.over):
        return None
    parts = [results[name] for name in means.over]
    ours, peer = (geometric_mean(getattr(part, side) for part in parts) for side in ("ours", "peer"))
    metric = {
        "target_ratio": means.target_ratio,
        "quiet": all((part.metric or {}).get("quiet", True) for part in parts),
        "rounds": min(int((part.metric or {}).get("rounds", 0)) for part in parts),
        "ratio_low": min(part.ratio for part in parts),
        "ratio_high": max(part.ratio for part in parts),
    }
    name = f"the best at each: {', '.join(dict.fromkeys(part.peer_name for part in parts))}"
    return make_result(BENCH, means.name, means.unit, ours, peer, name, metric, more_versions=setting.versions)


def amounts_result(
    name: str, ours: int, peers: Mapping[str, int], target: float | None, setting: Setting
) -> Result | None:
    """Bytes of ours against the fewest of the peers; None without one."""
    if not peers:
        return None
    best = min(peers, key=peers.__getitem__)
    metric = {"target_ratio": target, **{peer: amount / 1e6 for peer, amount in peers.items()}}
    return make_result(BENCH, name, "MB", ours / 1e6, peers[best] / 1e6, best, metric, more_versions=setting.versions)


def _percentiles(figure: Figure, both: tuple[Turns, Turns]) -> dict[str, float]:
    """Milliseconds of requests, and how far the medians of single turns lie apart."""
    facts: dict[str, float] = {}
    for side, turns in zip(("ours", "peer"), both, strict=True):
        if figure.unit == "ms":
            facts |= {f"{side}_{name}": 1e3 * turns.seconds(share) for name, share in _SHARES.items()}
        low, high = turns.spread()
        facts[f"{side}_spread"] = high / low
    return facts


def _work_rate(figure: Figure, ours: float, setting: Setting) -> dict[str, float]:
    """How much ours computes, and which share of what the machine can do that is."""
    length = figure.ours.order.get("length", 0)
    if length not in setting.flops:
        return {}
    gflops = setting.flops[length] / (ours / 1e3) / 1e9
    peak = setting.peaks.get(figure.ours.engine.rpartition("-")[2])
    return {"gflops": gflops, **({"share_of_peak": gflops / peak} if peak else {})}


def engines_table(results: Iterable[Result]) -> Table:
    """Every engine that ran, whatever figure it was in: the number of each, per size and kind of work."""
    columns: dict[str, dict[str, float]] = {}
    for result in results:
        metric = result.metric or {}
        known = {name: float(number) for name, number in metric.items() if is_engine(name)}
        if known:
            columns[f"{result.case} {result.unit}"] = {"encodery": result.ours, **known}
    view = Table("case", "engines, the best first", box=None, header_style="bold", pad_edge=False)
    for column, numbers in columns.items():
        falling = column.endswith("/s")
        ordered = sorted(numbers.items(), key=lambda item: item[1], reverse=falling)
        view.add_row(column, ", ".join(f"{name} {number:.4g}" for name, number in ordered))
    return view


def is_engine(name: str) -> bool:
    """Whether an entry of `metric` is the number of a peer."""
    return "-" in name
