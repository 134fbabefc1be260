"""The fastest graph that is good: measured as it is now, not as it was before more of it was left alone."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from encodery.deploy.building import Built
from encodery.deploy.bundle import BundleInfo, EngineName
from encodery.deploy.choose import Measured
from encodery.deploy.verify import Parity
from encodery.errors import UserError
from encodery.stages.exporting import slower
from encodery.stages.gate import Gate
from encodery.stages.verification import BOUNDS, Verification

PARITY = Parity(3, 0.0, 0.0, 1.0, 1.0, 0.0)
NEVER = len(BOUNDS) + 1


class Graphs(Verification):
    """Builds that are good after so many narrower bounds, and take longer with each."""

    def __init__(self, good_after: Mapping[EngineName, int], costs: Mapping[EngineName, Sequence[float]]) -> None:
        self.tell = lambda line: None  # the rest of a verification is not asked
        self.good_after = good_after
        self.costs = costs
        self.loosened: dict[int, int] = {}
        self.kept: list[Built] = []
        self.measurements = 0

    def made(self, engine: EngineName, times: int = 0) -> Built:
        built = Built(engine, Path(engine))
        self.kept.append(built)  # so that no other gets its identity
        self.loosened[id(built)] = times
        return built

    def measure(self, builds: Sequence[Built]) -> list[Measured]:
        self.measurements += 1
        rows = [
            Measured(
                BundleInfo(engine=built.engine, dtype="int8", head=None, threads=threads),
                {16: self.costs[built.engine][self.loosened[id(built)]] * (1 + threads / 100)},
            )
            for built in builds
            for threads in (1, 2)
        ]
        return sorted(rows, key=lambda row: row.mean)

    def _judged(self, built: Built, info: BundleInfo) -> tuple[Parity, Gate | None, str | None]:
        return PARITY, None, None if self.loosened[id(built)] >= self.good_after[built.engine] else "too far"

    def _closer(self, built: Built, bounds: Iterator[float]) -> Built | None:
        return None if next(bounds, None) is None else self.made(built.engine, self.loosened[id(built)] + 1)


@pytest.mark.parametrize(
    ("after", "costs", "chosen", "measurements"),
    [
        ((0, 0), ((3, 9), (5, 9)), "openvino", 1),
        ((0, 0), ((5, 9), (3, 9)), "onnxruntime", 1),
        ((1, 0), ((3, 4), (5, 9)), "openvino", 2),  # slower, and still the fastest
        ((1, 0), ((3, 7), (5, 9)), "onnxruntime", 2),
        ((1, 1), ((3, 7), (5, 6)), "onnxruntime", 3),
        ((1, 1), ((3, 7), (5, 9)), "openvino", 3),  # both were changed, and the first is the fastest after all
        ((NEVER, 0), ((3, 7, 8, 8.5), (5, 9)), "onnxruntime", 1),
        ((NEVER, 2), ((3, 7, 8, 8.5), (5, 9, 9.5)), "onnxruntime", 2),
    ],
)
def test_what_passes_with_a_narrower_bound_is_measured_again(
    after: tuple[int, int], costs: tuple[Sequence[float], Sequence[float]], chosen: str, measurements: int
) -> None:
    engines: tuple[EngineName, EngineName] = ("openvino", "onnxruntime")
    work = Graphs(dict(zip(engines, after, strict=True)), dict(zip(engines, costs, strict=True)))
    found = work.fastest_good([work.made(engine) for engine in engines], work.measure)
    assert (found.built.engine, found.info.engine, found.info.threads) == (chosen, chosen, 1)
    assert work.measurements == measurements
    place = engines.index(found.built.engine)
    assert work.loosened[id(found.built)] == after[place]
    (row, *_) = [row for row in found.measured if row.info.engine == chosen]
    assert row.latency[16] == pytest.approx(costs[place][after[place]] * 1.01)  # as it is written, and not before


def test_where_none_is_good_all_are_named() -> None:
    work = Graphs({"openvino": NEVER, "onnxruntime": NEVER}, {"openvino": [3] * 9, "onnxruntime": [5] * 9})
    with pytest.raises(UserError) as error:
        work.fastest_good([work.made("openvino"), work.made("onnxruntime")], work.measure)
    assert str(error.value).startswith("nothing was written: openvino: too far; onnxruntime: too far; export --dtype")


def test_a_bundle_that_is_slower_than_its_model_is_noted() -> None:
    assert slower({16: 2.0, 64: 8.0}, {16: 1.9, 64: 8.1}) == []
    (note,) = slower({16: 2.0, 64: 8.0}, {16: 2.0, 64: 12.5})
    assert note.startswith("the bundle is slower here than the model, 0.80 times as fast: ")
