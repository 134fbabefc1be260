"""The demo's input: written once, the same everywhere, and a recipe that plans."""

from pathlib import Path

import pytest
from rich.console import Console

from encodery.demo import world
from encodery.recipe import load_recipe
from encodery.stages import open_run, plan
from encodery.stages.demo import prepare
from encodery.stages.graph import stages_of


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
