"""What `encodery bench predict` measures, and with which figures it ends: every case, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from encodery.bench.predict_batches import How
from encodery.bench.predict_workload import LENGTHS, SIZES

OURS = {"int8": "encodery-int8", "bf16": "encodery-bf16"}
INT8 = ("openvino-int8", "openvino-int8-static", "onnxruntime-int8", "ctranslate2-int8", "torch-int8")
BF16 = ("openvino-bf16", "openvino-bf16-static", "torch-bf16")
BATCHED = ("openvino-int8", "onnxruntime-int8", "ctranslate2-int8", "openvino-bf16")
"""Those that label many texts: the faster ones of those that take any number."""
WEAK, PIPELINE = "transformers-fp32", "transformers-pipeline"
_ARRIVAL_TARGETS = {"minilm": 2.3, "bert": 1.7}
_SORTED: tuple[How, ...] = ("sorted", "sorted-tokens")


@dataclass(frozen=True)
class Job:
    """Work of one engine in a round."""

    engine: str
    order: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`openvino-int8`, or `openvino-int8 sorted`."""
        return f"{self.engine} {self.order['how']}" if "how" in self.order else self.engine


@dataclass(frozen=True)
class Figure:
    """One line of output, against the best of some peers."""

    name: str
    ours: Job
    peers: tuple[Job, ...]
    unit: str = "ms"
    share: float = 0.5
    """Of the requests that are done within the time that is compared."""
    target_ratio: float | None = None

    @property
    def jobs(self) -> tuple[Job, ...]:
        return (self.ours, *self.peers)


@dataclass(frozen=True)
class Case:
    """Jobs that take turns, and what is read off them."""

    figures: tuple[Figure, ...]
    fewer_rounds: bool = False
    """For work that is long."""

    @property
    def is_first(self) -> bool:
        """Whether engines are loaded anew for it, so that nothing may be warm."""
        return any(job.order["do"] == "first" for job in self.jobs.values())

    @property
    def jobs(self) -> dict[str, Job]:
        """Each once, by name."""
        return {job.name: job for figure in self.figures for job in figure.jobs}


@dataclass(frozen=True)
class Means:
    """Geometric means over figures, as one more line."""

    name: str
    over: tuple[str, ...]
    target_ratio: float | None = None
    unit: str = field(default="ms", init=False)


def cases_of(size: str) -> list[Case]:
    """All of a size, in the order in which they are measured: first passes while the machine is cool."""
    assert size in SIZES, size
    return [_first_pass(size), _mixed(size), *(_one(size, length) for length in LENGTHS), _texts(size)]


def means_of(size: str) -> list[Means]:
    """Over the fixed lengths, for each precision."""
    return [
        Means(f"{size}/one-{dtype}", tuple(f"{size}/one-{length}-{dtype}" for length in LENGTHS), 1.15)
        for dtype in OURS
    ]


def _jobs(engines: tuple[str, ...], **order: Any) -> tuple[Job, ...]:
    return tuple(Job(engine, order) for engine in engines)


def _figure(name: str, dtype: str, peers: tuple[str, ...], order: Mapping[str, Any], **more: Any) -> Figure:
    return Figure(name, Job(OURS[dtype], order), _jobs(peers, **order), **more)


def _first_pass(size: str) -> Case:
    order = {"do": "first"}
    dynamic, others = ("openvino-int8",), ("openvino-int8-static", "onnxruntime-int8")
    return Case(
        (
            _figure(f"{size}/first-pass-p95", "int8", dynamic, order, share=0.95, target_ratio=3.0),
            _figure(f"{size}/first-pass-p50", "int8", dynamic + others, order),
            _figure(f"{size}/first-pass-p99", "int8", dynamic + others, order, share=0.99),
        ),
        fewer_rounds=True,
    )


def _mixed(size: str) -> Case:
    return Case((_figure(f"{size}/mixed-int8", "int8", INT8, {"do": "mixed"}, target_ratio=1.0),))


def _one(size: str, length: int) -> Case:
    order = {"do": "request", "length": length}
    name = f"{size}/one-{length}"
    return Case(
        (
            _figure(f"{name}-int8", "int8", INT8, order, target_ratio=1.0),
            _figure(f"{name}-bf16", "bf16", BF16, order, target_ratio=1.0),
            _figure(f"{name}-transformers", "int8", (WEAK,), order),
        )
    )


def _texts(size: str) -> Case:
    """Whole texts to labels; the peers' batches are padded, in arrival order or sorted."""
    arrival, offline = (Job(OURS["int8"], {"do": "label", "how": how}) for how in ("arrival", "offline"))
    padded = _jobs(BATCHED, do="label", how="arrival")
    by_length = tuple(job for how in _SORTED for job in _jobs(BATCHED, do="label", how=how))
    pipelines = tuple(Job(PIPELINE, {"do": "label", "how": how}) for how in ("arrival", "offline"))

    def figure(name: str, ours: Job, peers: tuple[Job, ...], target: float | None) -> Figure:
        return Figure(f"{size}/{name}", ours, peers, unit="tokens/s", target_ratio=target)

    return Case(
        (
            figure("texts-arrival", arrival, padded, _ARRIVAL_TARGETS.get(size)),
            figure("texts-arrival-sorted", arrival, by_length, 1.0),
            figure("texts-offline", offline, by_length, 1.0),
            figure("texts-pipeline", arrival, pipelines, 8.0),
        ),
        fewer_rounds=True,
    )
