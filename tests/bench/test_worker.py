"""Each job reaches its engine."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from encodery.bench import ours, peer, worker
from encodery.bench.gate import Finished
from encodery.bench.jobs import Job

MODEL = torch.nn.Linear(7, 11)


@pytest.mark.parametrize(
    ("engine", "work", "reached", "parameters"),
    [
        ("encodery", "train", "fit", 88),
        ("encodery", "collate", "ours.make_batches", 0),
        ("transformers", "train", "peer.train", 88),
        ("transformers", "collate", "peer.make_batches", 0),
    ],
)
def test_dispatch(
    engine: str, work: str, reached: str, parameters: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[str] = []

    def fake(name: str) -> Any:
        return lambda *_: calls.append(name)

    trainer = SimpleNamespace(model=MODEL, fit=fake("fit"))
    monkeypatch.setattr(ours, "build_trainer", lambda *_: trainer)
    monkeypatch.setattr(ours, "make_batches", fake("ours.make_batches"))
    monkeypatch.setattr(peer, "build_model", lambda job: MODEL)
    monkeypatch.setattr(peer, "train", fake("peer.train"))
    monkeypatch.setattr(peer, "make_batches", fake("peer.make_batches"))
    job = Job.model_validate({"engine": engine, "work": work, "layout": "packed", "sequences_per_batch": 2})
    reports: list[str] = []
    worker.run(job, tmp_path, tmp_path, iter([]), reports.append)
    assert calls == [reached]
    assert [json.loads(line) for line in reports] == [{"parameters": parameters}]


def test_memory_is_that_of_this_process() -> None:
    job = Job(engine="encodery", layout="packed", sequences_per_batch=2)
    reports: list[str] = []
    gate = worker.build_gate(job, iter(['{"steps": 1}']), reports.append)
    gate.arrive()
    with pytest.raises(Finished):
        gate.arrive()
    (report,) = map(json.loads, reports)
    assert 10**7 < report["peak_bytes"] < 10**11
    assert report["tokens"] == 0
