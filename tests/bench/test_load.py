"""`encodery bench load`: the folder, one real process a side, and what is computed from such; nothing is timed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification

from encodery.artifact import MANIFEST
from encodery.bench import load
from encodery.bench.load import CASES, First, Side
from encodery.bench.rounds import Outcome, Plan, Round, alternate
from encodery.errors import UserError
from encodery.families.weights import WEIGHTS


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return load.write_folder(tmp_path_factory.mktemp("load"), published=False, preset="tiny")


def first(seconds: float, load_seconds: float, peak_bytes: int, score: float = 0.5, label: str = "neutral") -> First:
    return First(seconds, 0, peak_bytes, 0.01, load_seconds, label, score)


OUTCOME = Outcome(
    rounds=(
        Round(ours=first(2.0, 0.5, 90 * 10**6), peer=first(4.0, 2.0, 100 * 10**6, 0.500004)),
        Round(ours=first(3.0, 0.25, 95 * 10**6), peer=first(9.0, 1.0, 190 * 10**6)),
        Round(ours=first(1.0, 1.0, 91 * 10**6), peer=first(5.0, 3.0, 182 * 10**6)),
    ),
    dropped=1,
    ours_steps=1,
    peer_steps=1,
)


def test_figures_of_a_case() -> None:
    start, loaded, memory = load.results_of(CASES[0], OUTCOME, 80 * 10**6)
    assert (start.case, start.unit, start.ours, start.peer, start.ratio) == ("start", "s", 2.0, 5.0, 2.5)
    assert (loaded.case, loaded.unit, loaded.ours, loaded.peer, loaded.ratio) == ("load", "s", 0.5, 2.0, 4.0)
    assert (memory.case, memory.unit, memory.ours, memory.peer, memory.ratio) == ("memory", "MB", 91.0, 182.0, 2.0)
    assert start.metric is not None
    assert start.metric == {
        "target_ratio": 2.0,
        "ratio_low": 2.0,
        "ratio_high": 5.0,
        "rounds": 3,
        "dropped_rounds": 1,
        "quiet": True,
        "others_cores": 0.01,
        "weights_mb": 80.0,
        "score_difference": pytest.approx(4e-6),
    }
    assert memory.metric is not None
    assert memory.metric["target_ours"] == 96.0  # a fifth more than the weights


@pytest.mark.parametrize("other", [first(2.0, 1.0, 1, 0.50002), first(2.0, 1.0, 1, 0.5, "positive")])
def test_different_predictions_are_not_compared(other: First) -> None:
    outcome = replace(OUTCOME, rounds=(*OUTCOME.rounds, Round(ours=first(1.0, 1.0, 1), peer=other)))
    with pytest.raises(UserError) as raised:
        list(load.results_of(CASES[0], outcome, 1))
    assert str(raised.value) == (
        f"bench load: ours predicts neutral (0.5), the peer {other.label} ({other.score}); "
        "times of different results are not compared, report this"
    )


@pytest.mark.slow  # four processes of real size; the figures are tested above
def test_both_sides_start_load_and_agree(tiny: Path) -> None:
    ours, peer = (Side(engine, tiny, cold=True) for engine in ("encodery", "transformers"))
    outcome = alternate(ours, peer, Plan(rounds=1, repeats=0, block_seconds=0.0))
    for block in (outcome.rounds[0].ours, outcome.rounds[0].peer):
        assert isinstance(block, First)
        assert block.label in load.LABELS
        assert 0 < block.load_seconds < block.seconds
        assert 10**6 < block.peak_bytes < 10**9
    results = list(load.results_of(CASES[2], outcome, (tiny / WEIGHTS).stat().st_size))
    assert [result.case for result in results] == ["cold/start", "cold/load"]


def test_a_process_that_fails_is_quoted(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        Side("encodery", tmp_path / "none", cold=False).run(1)
    message = str(raised.value)
    assert message.startswith("bench: the process of encodery ended with code 1: encodery.errors.UserError: ")
    assert "none: no such folder" in message


def test_the_folder_opens_on_both_sides_and_is_written_once(tiny: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny)
    assert model.config.id2label == dict(enumerate(load.LABELS))
    assert not (tiny / MANIFEST).exists()
    before = (tiny / WEIGHTS).stat().st_mtime_ns
    assert load.write_folder(tiny.parent, published=False, preset="tiny") == tiny
    assert (tiny / WEIGHTS).stat().st_mtime_ns == before
    published = load.write_folder(tiny.parent, published=True, preset="tiny")
    assert (published / MANIFEST).is_file()
    assert (published / WEIGHTS).read_bytes() == (tiny / WEIGHTS).read_bytes()


def test_what_is_printed(tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(load, "write_folder", lambda parent, published: tiny)
    monkeypatch.setattr(load, "alternate", lambda ours, peer, plan: OUTCOME)
    load.run_bench(quick=True, only_json=True)
    captured = capsys.readouterr()
    cases = [json.loads(line)["case"] for line in captured.out.splitlines()]
    assert cases == ["start", "load", "memory", "published/start", "published/load", "cold/start", "cold/load"]
    assert captured.err == ""
    load.run_bench(quick=True, only_json=False)
    assert "cold/load" in capsys.readouterr().out.splitlines()[-1]


def test_the_peer_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="compares with transformers, which is not installed; try: pip install"):
        load.run_bench(quick=True, only_json=True)


def test_a_forgotten_file_is_still_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    load.forget(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"abc"
