"""What every benchmark says: one JSON line per case, and a table for people."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rich.table import Table

from encodery.bench.machine import commit, hardware, versions
from encodery.config import Config

_HIGHER_IS_BETTER = {"tokens/s": True, "MB/s": True, "requests/s": True}
"""Of all other units less is better."""
_PACKAGES = (
    *("torch", "transformers", "accelerate", "tokenizers", "sentencepiece", "numpy"),
    *("openvino", "nncf", "onnxruntime", "fastapi", "uvicorn"),
)
NO_MORE: Mapping[str, str] = {}


class Result(Config):
    """One line. `ratio` above 1 means that ours is better, whatever the unit."""

    bench: str
    case: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    metric: Mapping[str, int | float | bool] | None = None
    """What belongs to the number: targets, rounds, the spread."""
    hardware: str
    versions: Mapping[str, str]
    commit: str | None
    date: str
    """When it was measured, UTC."""

    def line(self) -> str:
        """The JSON object, on one line."""
        return self.model_dump_json(exclude={"metric"} if self.metric is None else None)


def make_result(
    bench: str,
    case: str,
    unit: str,
    ours: float,
    peer: float,
    peer_name: str,
    metric: Mapping[str, int | float | bool | None],
    device: str = "cpu",
    more_versions: Mapping[str, str] = NO_MORE,
) -> Result:
    """A result of this machine, these versions and now; entries of `metric` that are None are left out."""
    return Result(
        bench=bench,
        case=case,
        unit=unit,
        ours=_short(ours),
        peer=_short(peer),
        peer_name=peer_name,
        ratio=_short(ratio(unit, ours, peer)),
        metric={name: _short(value) for name, value in metric.items() if value is not None} or None,
        hardware=hardware(device),
        versions={**versions(_PACKAGES), **more_versions},
        commit=commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def ratio(unit: str, ours: float, peer: float) -> float:
    """How many times better ours is: more per second, or fewer bytes and seconds."""
    return ours / peer if _HIGHER_IS_BETTER.get(unit, False) else peer / ours


def meets_target(result: Result) -> bool | None:
    """Whether the targets among the metrics are met; None without any."""
    metric = result.metric or {}
    verdicts = []
    if "target_ratio" in metric:
        verdicts.append(result.ratio >= metric["target_ratio"])
    if "target_ours" in metric:
        verdicts.append(result.ours < metric["target_ours"])
    return all(verdicts) if verdicts else None


def table(results: Iterable[Result]) -> Table:
    """The results as a person reads them; `rounds` says how many of those played count."""
    view = Table("case", "unit", box=None, header_style="bold", pad_edge=False)
    for header in ("ours", "peer", "ratio", "target", "rounds"):
        view.add_column(header, justify="right", no_wrap=True)
    for result in results:
        metric = result.metric or {}
        played = metric.get("rounds", 0) + metric.get("dropped_rounds", 0)
        view.add_row(
            result.case,
            result.unit,
            _readable(result.ours),
            _readable(result.peer),
            f"{result.ratio:.2f}x",
            _target(metric) + {None: "", True: " met", False: " missed"}[meets_target(result)],
            f"{metric.get('rounds', 0)} of {played}" + ("" if metric.get("quiet", True) else ", disturbed"),
        )
    return view


def _target(metric: Mapping[str, int | float | bool]) -> str:
    parts = []
    if "target_ratio" in metric:
        parts.append(f"{metric['target_ratio']:g}x")
    if "target_ours" in metric:
        parts.append(f"< {metric['target_ours']:g}")
    return ", ".join(parts)


def _readable(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _short(value: int | float | bool) -> int | float | bool:
    """Four digits are more than any of this is exact to."""
    return value if isinstance(value, int) else float(f"{value:.4g}")
