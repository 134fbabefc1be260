"""`encodery bench corpus`: which runs it asks for, and a small real run of each side; nothing is timed."""

import json
from pathlib import Path
from typing import Any

import pytest

from encodery.bench import corpus
from encodery.bench.corpus import FILTERS, packages_of, run_bench
from encodery.bench.corpus_sides import Done
from encodery.bench.corpus_worker import Order, run
from encodery.bench.crawl import make_crawl
from encodery.errors import UserError

pytest.importorskip("fastwarc")


class Sides:
    """Runs that take no time, and what was asked for."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def __call__(self, order: Order) -> Done:
        self.orders.append(order)
        seconds = {"ours": 2.0, "datatrove": 8.0, "daft": 4.0}[order.engine] / order.workers
        return Done(seconds, {"read": 1.0}, {}, 40, 4000, "0.1", peak_bytes=10**8, others_cores=0.0)


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> Sides:
    sides = Sides()
    monkeypatch.setattr(corpus, "run_side", sides)
    monkeypatch.setattr(corpus, "MEGABYTE", 1000)
    return sides


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_all_cases_are_measured(sides: Sides, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = ["pipeline/datatrove", "plain/datatrove", "workers", "memory"]
    run_bench(True, False, cases, tmp_path, None, None, None, None)
    out = capsys.readouterr().out
    assert [(line["case"], line["ratio"]) for line in lines(out)] == [
        ("pipeline/datatrove", 4.0),
        ("step/read", 1.0),
        ("plain/datatrove", 4.0),
        ("workers", 2.0),
        ("memory", 1.0),
    ]
    asked = [(order.engine, order.workers, Path(order.crawl).name) for order in sides.orders]
    assert asked == [
        ("ours", 1, "small-16"),
        ("datatrove", 1, "small-16"),
        ("ours", 1, "small-16"),
        ("datatrove", 1, "small-16"),
        ("ours", 1, "large-64"),
        ("ours", 2, "large-64"),
        ("ours", 1, "small-16"),
    ]
    assert [(order.filters, order.settings) for order in sides.orders[:4:2]] == [
        (FILTERS, {}),
        ((), {"repetition": False, "gopher": False, "fineweb": False}),
    ]


def test_only_what_is_asked_for_runs(sides: Sides, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_bench(False, True, ["mem"], tmp_path, None, None, None, 40)
    captured = capsys.readouterr()
    assert [line["case"] for line in lines(captured.out)] == ["memory"]
    assert captured.err == ""
    assert {order.engine for order in sides.orders} == {"ours"}
    assert {order.workers for order in sides.orders} == {1}
    assert len(sides.orders) == 6


def test_a_peer_that_is_missing_is_left_out(
    sides: Sides, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus.Bench, "_missing", lambda self, peer: "it is not installed")
    run_bench(True, False, ["pipeline"], tmp_path, None, None, None, None)
    captured = capsys.readouterr()
    assert "daft is left out: it is not installed" in captured.err
    assert lines(captured.out) == []
    assert sides.orders == []


def test_a_case_that_there_is_not_is_refused(tmp_path: Path) -> None:
    said = "--case peline: there is no such case; choose from pipeline/datatrove, pipeline/daft, plain/datatrove, "
    said += "plain/daft, workers, memory"
    with pytest.raises(UserError, match=said):
        run_bench(True, True, ["peline"], tmp_path, None, None, None, None)


def test_the_packages_of_another_python_are_found() -> None:
    import sys

    assert any(Path(folder, "pytest").is_dir() for folder in packages_of(Path(sys.executable)))


def test_a_python_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--peers .*/python: cannot be run .* name the python of an environment"):
        packages_of(tmp_path / "python")


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crawl")
    make_crawl(folder, 300_000, None, file_bytes=150_000)
    return folder


@pytest.mark.parametrize("engine", ["ours", "datatrove", "daft"])
def test_a_pipeline_runs_and_counts_what_it_keeps(
    engine: str, crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "daft":
        pytest.importorskip("daft")
    monkeypatch.setattr("encodery.bench.corpus_worker._pin", lambda workers: None)
    pages = make_crawl(crawl, 300_000, None).pages
    report = run(Order(engine, str(crawl), str(tmp_path), filters=("gopher quality",)))
    assert 0 < report["documents"] < pages
    assert report["characters"] > 500 * report["documents"]
    assert "read" in report["steps"] or engine == "daft"
