"""The demo's input: written once, the same everywhere, and a recipe that plans; what comes of it, and how soon."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from encodery.artifact import read_manifest
from encodery.demo import world
from encodery.errors import UserError
from encodery.recipe import load_recipe
from encodery.stages import demo as module
from encodery.stages import open_run, plan
from encodery.stages.demo import prepare
from encodery.stages.graph import stages_of

pytest.importorskip("sacrebleu")

SECONDS = 300
"""What the demo may take on two cores: data, tokenizer, pretraining, seven fine-tunings and the report."""
LEAST_BLEU = 35.0
"""Of its translation; 47.8 of 200 test sentences was measured, with an interval from 41.8 to 52.9."""


@pytest.fixture(autouse=True)
def _little_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "WORDS", dict.fromkeys(world.WORDS, 997))


def test_the_demo_plans_and_a_second_call_changes_no_file(tmp_path: Path) -> None:
    recipe = prepare(tmp_path / "runs")
    files = sorted(path for path in (tmp_path / "runs" / "demo-data").rglob("*") if path.is_file())
    assert {path.parent.name for path in files} == {"corpus", "corpus-valid", "reviews", "topics", "translation"}
    times = [path.stat().st_mtime_ns for path in files]
    assert prepare(tmp_path / "runs") == recipe
    assert [path.stat().st_mtime_ns for path in files] == times
    run = open_run(load_recipe(recipe, [f'output="{tmp_path / "runs"}"']), recipe, Console(quiet=True))
    names = [item.stage.name for item in plan(run, stages_of(run))]
    tuned = [f"finetune.{start}.{seed}" for start in ("pretrained", "scratch") for seed in (1, 2, 3)]
    assert names == ["tokenizer", "shards", "pretrain", *tuned, "finetune.translation.1", "report"]


def test_damaged_data_is_written_again(tmp_path: Path) -> None:
    prepare(tmp_path)
    victim = tmp_path / "demo-data" / "reviews" / "train.jsonl"
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-7])
    prepare(tmp_path)
    assert victim.read_bytes() == whole


def test_what_the_end_needs_is_asked_for_at_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(references: int) -> None:
        raise UserError("sacreBLEU is not installed")

    monkeypatch.setattr(module, "translation_signature", missing)
    with pytest.raises(UserError, match="sacreBLEU is not installed"):
        prepare(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_demo_translates_and_ends_in_time(tmp_path: Path) -> None:
    """On a machine that does nothing else; its processes have as many threads as they take by themselves."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    start = time.monotonic()
    command = [sys.executable, "-m", "encodery", "demo", "--output", str(tmp_path / "runs")]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    seconds = time.monotonic() - start
    manifest = read_manifest(tmp_path / "runs/demo/finetune/translation/1")
    assert manifest is not None
    assert manifest.metrics["test"]["bleu"] > LEAST_BLEU
    assert (tmp_path / "runs/demo/report/report.html").is_file()
    assert seconds < SECONDS
