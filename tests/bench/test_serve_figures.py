"""The lines of `bench serve`, from times that were never measured."""

from typing import Any

import pytest

from encodery.bench import serve
from encodery.bench.result import Result, meets_target
from encodery.bench.serve_figures import IN_PROCESS, NAMES, NAMES_OF, TAKEN, results_of
from encodery.bench.serve_sides import INFINITY, OPENVINO, OURS, PLAIN
from encodery.bench.turns import Turn, Turns
from encodery.errors import UserError


def turns(*times: float, seconds: float = 1.0, others_cores: float = 0.0) -> Turns:
    return Turns((Turn(times, others_cores, seconds),) * 3, 1)


def results(group: str, **played: Turns) -> dict[str, Result]:
    named = {name.replace("_", " "): side for name, side in played.items()}
    return {result.case: result for result in results_of(group, named, NAMES_OF[group])}


ONE = {
    IN_PROCESS.replace(" ", "_"): turns(0.001, 0.002, 0.003),
    OURS: turns(0.002, 0.0023, 0.004),
    PLAIN: turns(0.002, 0.003, 0.009),
    OPENVINO: turns(0.002, 0.0029, 0.004),
}


def test_overhead_is_what_is_above_the_process() -> None:
    overhead = results("one", **ONE)["one/overhead"]
    assert overhead.ours == pytest.approx(0.3)
    assert overhead.peer == pytest.approx(1.0)
    assert overhead.peer_name == "FastAPI + the same bundle, no batching"
    assert meets_target(overhead)


def test_noise_is_no_negative_overhead() -> None:
    overhead = results("one", **ONE | {OURS: turns(0.0011)})["one/overhead"]
    assert (overhead.ours, overhead.ratio) == (0.001, 1000.0)


def test_latency_is_against_the_fastest_server() -> None:
    latency = results("one", **ONE)["one/latency"]
    assert (latency.ours, latency.peer) == (2.3, 2.9)
    assert latency.peer_name == "FastAPI + OpenVINO int8, no batching"
    facts: dict[str, Any] = dict(latency.metric or {})
    assert (facts["encodery p99"], facts["in process p50"], facts["plain p95"]) == (4.0, 2.0, 9.0)
    assert (facts["rounds"], facts["dropped_rounds"], facts["quiet"]) == (3, 1, True)


def test_rates_are_of_requests_together() -> None:
    played = {OURS: turns(*[0.1] * 30, seconds=2.0), PLAIN: turns(*[0.1] * 10, seconds=1.0)}
    found = results("busy", **played)
    assert list(found) == ["busy/plain"]  # the other peers did not run
    assert (found["busy/plain"].ours, found["busy/plain"].ratio) == (15.0, 1.5)
    assert meets_target(found["busy/plain"])
    faster = results("busy", **played, infinity=turns(*[0.1] * 4))
    assert faster["busy/infinity"].ratio == 3.75
    assert not meets_target(faster["busy/infinity"])


def test_a_neighbour_is_judged_by_the_slowest_requests() -> None:
    suffix = TAKEN.replace(" ", "_")
    played = {
        OURS: turns(0.001, 0.002),
        OURS + suffix: turns(0.001, 0.005),
        PLAIN: turns(0.001, 0.002),
        PLAIN + suffix: turns(0.001, 0.02, others_cores=0.4),
    }
    result = results("neighbour", **played)["neighbour/p99"]
    assert (result.ours, result.peer, result.ratio, result.unit) == (2.5, 10.0, 4.0, "times")
    assert meets_target(result)


def test_names_and_selection() -> None:
    assert len(NAMES) == len(set(NAMES)) == 6
    assert serve.select([]) == set(NAMES)
    assert serve.select(["busy", "one/o"]) == {"busy/plain", "busy/openvino", "busy/infinity", "one/overhead"}
    assert set(serve.SIDES) == {OURS, PLAIN, OPENVINO, INFINITY}
    with pytest.raises(UserError) as raised:
        serve.select(["bussy"])
    assert str(raised.value).startswith("--case bussy: there is no such case; choose from one/overhead, one/latency,")
