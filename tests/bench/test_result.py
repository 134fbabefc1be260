"""The JSON line and the table."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from encodery.bench.result import Result, make_result, meets_target, ratio, table

KEYS = ["bench", "case", "unit", "ours", "peer", "peer_name", "ratio", "metric"]
KEYS += ["hardware", "versions", "commit", "date"]


def result(unit: str = "tokens/s", ours: float = 4096.0, peer: float = 512.0, **metric: Any) -> Result:
    return make_result("train", "small/packed-bf16", unit, ours, peer, "a peer", metric)


def test_line_has_the_promised_keys_in_order() -> None:
    line = result(target_ratio=3.5, rounds=7, quiet=True, target_ours=None).line()
    assert "\n" not in line
    record = json.loads(line)
    assert list(record) == KEYS
    assert record["ratio"] == 8.0
    assert record["metric"] == {"target_ratio": 3.5, "rounds": 7, "quiet": True}
    assert isinstance(record["metric"]["rounds"], int)
    assert {"encodery", "python", "torch"} <= set(record["versions"])
    assert record["date"].endswith("+00:00")


def test_metric_is_left_out_when_there_is_none() -> None:
    assert list(json.loads(result().line())) == [key for key in KEYS if key != "metric"]


def test_four_digits_are_kept() -> None:
    record = result(ours=12345.678, peer=3.0, others_cores=0.0123456)
    assert (record.ours, record.ratio) == (12350.0, 4115.0)
    assert record.metric == {"others_cores": 0.01235}


@pytest.mark.parametrize(
    ("unit", "ours", "peer", "expected"),
    [("tokens/s", 300.0, 100.0, 3.0), ("MB", 100.0, 300.0, 3.0), ("ns/token", 40.0, 20.0, 0.5), ("s", 0.2, 0.1, 0.5)],
)
def test_ratio_above_one_means_ours_is_better(unit: str, ours: float, peer: float, expected: float) -> None:
    assert ratio(unit, ours, peer) == expected


@pytest.mark.parametrize(
    ("unit", "ours", "peer", "metric", "verdict"),
    [
        ("tokens/s", 350.0, 100.0, {"target_ratio": 3.5}, True),
        ("tokens/s", 349.0, 100.0, {"target_ratio": 3.5}, False),
        ("MB", 100.0, 199.0, {"target_ratio": 2.0}, False),
        ("ns/token", 49.0, 10.0, {"target_ours": 50.0}, True),
        ("ns/token", 50.0, 999.0, {"target_ours": 50.0}, False),
        ("tokens/s", 1.0, 9.0, {}, None),
    ],
)
def test_targets(unit: str, ours: float, peer: float, metric: dict[str, float], verdict: bool | None) -> None:
    assert meets_target(result(unit, ours, peer, **metric)) is verdict


def test_table_for_people() -> None:
    screen = io.StringIO()
    rows = [
        result(target_ratio=3.5, rounds=7, dropped_rounds=2, quiet=True),
        result("ns/token", 61.3, 511.0, target_ours=50.0, rounds=3, dropped_rounds=0, quiet=False),
    ]
    Console(file=screen, width=160).print(table(rows))
    assert [" ".join(line.split()) for line in screen.getvalue().splitlines()] == [
        "case unit ours peer ratio target rounds",
        "small/packed-bf16 tokens/s 4,096 512 8.00x 3.5x met 7 of 9",
        "small/packed-bf16 ns/token 61.3 511 8.34x < 50 missed 3 of 3, disturbed",
    ]
