"""From times to lines: nothing is measured here."""

import io
import math
from typing import Any

import pytest
from rich.console import Console

from encodery.bench.predict_cases import Figure, Job, Means
from encodery.bench.predict_distil import speed_result
from encodery.bench.predict_figures import (
    Setting,
    amounts_result,
    engines_table,
    is_engine,
    means_result,
    result_of,
)
from encodery.bench.predict_workload import SIZES
from encodery.bench.result import Result, meets_target
from encodery.bench.turns import Turn, Turns

REQUEST = {"do": "request", "length": 16}
ONE = Figure(
    "minilm/one-16-int8",
    Job("encodery-int8", REQUEST),
    (Job("openvino-int8", REQUEST), Job("torch-int8", REQUEST)),
    target_ratio=1.15,
)


def turns(*times: float, others_cores: float = 0.0, dropped: int = 0) -> Turns:
    return Turns((Turn(times, others_cores),) * 3, dropped)


PLAYED = {
    "encodery-int8": turns(0.002, 0.004, 0.009),
    "openvino-int8": turns(0.005, 0.006, 0.013, dropped=2),
    "torch-int8": turns(0.011, 0.012, 0.1),
}


def found(result: Result | None) -> Result:
    assert result is not None
    return result


def metric(result: Result) -> dict[str, Any]:
    return dict(result.metric or {})


def test_the_best_peer_is_the_bar() -> None:
    result = found(result_of(ONE, PLAYED, Setting()))
    assert (result.bench, result.case, result.unit) == ("predict", "minilm/one-16-int8", "ms")
    assert (result.ours, result.peer, result.ratio, result.peer_name) == (4.0, 6.0, 1.5, "openvino-int8")
    facts = metric(result)
    assert (facts["openvino-int8"], facts["torch-int8"]) == (6.0, 12.0)
    assert (facts["ours_p95"], facts["peer_p99"]) == (9.0, 13.0)
    assert (facts["rounds"], facts["dropped_rounds"], facts["quiet"]) == (3, 2, True)
    assert meets_target(result)


def test_a_peer_that_did_not_run_is_left_out() -> None:
    played = {name: side for name, side in PLAYED.items() if name != "openvino-int8"}
    assert found(result_of(ONE, played, Setting())).peer_name == "torch-int8"
    assert result_of(ONE, {"encodery-int8": PLAYED["encodery-int8"]}, Setting()) is None


def test_disturbed_turns_of_either_side_are_told() -> None:
    result = found(result_of(ONE, PLAYED | {"openvino-int8": turns(0.005, others_cores=0.7)}, Setting()))
    assert metric(result)["quiet"] is False


def test_other_percentiles_can_be_compared() -> None:
    figure = Figure("x", ONE.ours, ONE.peers, share=0.99)
    result = found(result_of(figure, PLAYED, Setting()))
    assert (result.ours, result.peer) == (9.0, 13.0)


def test_throughput_is_tokens_of_all_texts() -> None:
    arrival, padded = {"do": "label", "how": "arrival"}, {"do": "label", "how": "sorted"}
    figure = Figure(
        "minilm/texts",
        Job("encodery-int8", arrival),
        (Job("openvino-int8", arrival), Job("openvino-int8", padded)),
        unit="tokens/s",
    )
    played = {
        "encodery-int8 arrival": turns(2.0),
        "openvino-int8 arrival": turns(8.0),
        "openvino-int8 sorted": turns(4.0),
    }
    result = found(result_of(figure, played, Setting(num_tokens=1000)))
    assert (result.ours, result.peer, result.ratio) == (500.0, 250.0, 2.0)
    assert result.peer_name == "openvino-int8 sorted"
    assert "ours_p50" not in metric(result)


def test_the_share_of_the_peak_is_that_of_the_precision() -> None:
    setting = Setting(flops={16: 4e9}, peaks={"int8": 2000.0, "bf16": 500.0})
    facts = metric(found(result_of(ONE, PLAYED, setting)))
    assert (facts["gflops"], facts["share_of_peak"]) == (1000.0, 0.5)
    assert "share_of_peak" not in metric(found(result_of(ONE, PLAYED, Setting(flops={16: 4e9}))))
    assert "gflops" not in metric(found(result_of(ONE, PLAYED, Setting(flops={64: 4e9}))))


def test_operations_are_those_of_the_published_shapes() -> None:
    """BERT-base has 84,934,656 weights in the products of its layers."""
    bert = SIZES["bert"]
    assert bert.flops(16) == 2 * 16 * 84_934_656 + 12 * 4 * 16 * 16 * 768
    assert SIZES["distilbert"].flops(64) == bert.flops(64) / 2
    assert SIZES["minilm"].fields(30_522)["intermediate_size"] == 1536


def test_geometric_means_take_the_best_at_each() -> None:
    means = Means("minilm/one-int8", ("a", "b"), 1.15)
    one = found(result_of(ONE, PLAYED, Setting())).model_copy(update={"case": "a"})
    other = one.model_copy(update={"ours": 1.0, "peer": 2.0, "ratio": 2.0, "peer_name": "onnxruntime-int8"})
    result = found(means_result(means, {"a": one, "b": other}, Setting()))
    assert result.ours == 2.0
    assert result.peer == pytest.approx(math.sqrt(12.0), rel=1e-3)
    assert result.peer_name == "the best at each: openvino-int8, onnxruntime-int8"
    assert (metric(result)["ratio_low"], metric(result)["ratio_high"]) == (1.5, 2.0)
    assert means_result(means, {"a": one}, Setting()) is None


def test_amounts_are_against_the_smallest() -> None:
    result = found(amounts_result("minilm/bytes", 20_000_000, {"a-1": 50_000_000, "b-1": 30_000_000}, 1.2, Setting()))
    assert (result.ours, result.peer, result.peer_name, result.ratio, result.unit) == (20.0, 30.0, "b-1", 1.5, "MB")
    assert amounts_result("minilm/bytes", 1, {}, None, Setting()) is None


def test_the_small_one_against_the_large_one() -> None:
    played = {
        16: {"distilbert": turns(0.002), "bert": turns(0.004)},
        64: {"distilbert": turns(0.008), "bert": turns(0.036)},
    }
    result = speed_result(played)
    assert (result.ours, result.peer, result.ratio) == (4.0, 12.0, 3.0)
    facts = metric(result)
    assert (facts["ratio_16"], facts["ratio_64"], facts["target_ratio"]) == (2.0, 4.5, 1.6)


def test_every_engine_is_in_the_table() -> None:
    result = found(result_of(ONE, PLAYED, Setting()))
    output = io.StringIO()
    Console(file=output, width=120).print(engines_table([result]))
    assert "encodery 4, openvino-int8 6, torch-int8 12" in output.getvalue()
    faster = result.model_copy(update={"unit": "tokens/s"})
    output = io.StringIO()
    Console(file=output, width=120).print(engines_table([faster]))
    assert "torch-int8 12, openvino-int8 6, encodery 4" in output.getvalue()


@pytest.mark.parametrize(("name", "verdict"), [("openvino-int8", True), ("ours_p50", False), ("quiet", False)])
def test_entries_of_engines(name: str, verdict: bool) -> None:
    assert is_engine(name) == verdict
