"""What a recipe's model says of itself: hashes, limits, intervals, languages, and the command that makes it again."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.recipe import load_recipe
from encodery.stages import Run, open_run, run
from encodery.stages.graph import stages_of
from encodery.stages.provenance import run_command, scores_of_card
from encodery.stages.report import language_tables

LANGUAGES = 'finetune.mood.test={ de = "dev.jsonl", sw = "sw.jsonl" }'


def opened(project: Path, *overrides: str) -> Run:
    recipe = project / "tiny.toml"
    return open_run(load_recipe(recipe, overrides), recipe, Console(quiet=True))


@pytest.fixture
def zero_shot(project: Path) -> Path:
    """A recipe that is trained on one language and tested on two; its model folder."""
    lines = (project / "dev.jsonl").read_text().splitlines()
    (project / "sw.jsonl").write_text("\n".join(lines[:7]) + "\n")
    this = opened(project, LANGUAGES, "finetune.mood.seeds=[3]")
    run(this, stages_of(this))
    return this.artifact("finetune.mood.3")


def test_one_command_trains_on_one_language_and_tests_on_all(zero_shot: Path) -> None:
    metrics: dict[str, Any] = json.loads((zero_shot / "encodery.json").read_text())["metrics"]
    languages = metrics["test"]["languages"]
    assert list(languages) == ["de", "sw", "average"]
    assert [group["examples"] for group in languages.values()] == [23, 7, 30]
    each = [languages[name]["accuracy"] for name in ("de", "sw")]
    assert languages["average"]["accuracy"] == pytest.approx(sum(each) / 2)
    said = [json.loads(line) for line in (zero_shot / "predictions.jsonl").read_text().splitlines()]
    assert each[0] == pytest.approx(sum(line["label"] == line["true"] for line in said[:23]) / 23)
    assert "languages" not in metrics["dev"]
    for split in ("dev", "test"):
        low, high = metrics[split]["intervals"]["accuracy"]
        assert 0 <= low <= metrics[split]["accuracy"] <= high <= 1
    for name, file in (("train", "train.jsonl"), ("dev", "dev.jsonl"), ("test.de", "dev.jsonl")):
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
        assert metrics["data"][name] == {"file": file, "sha256": digest}
    card = (zero_shot / "README.md").read_text()
    assert f"- train: train.jsonl, sha256 {metrics['data']['train']['sha256']}" in card
    assert f"| test, sw | accuracy | {each[1]:.4f} (95 %: " in card
    assert "\nencodery run tiny.toml finetune.mood.3 # with the changes by --set that manifest.json has" in card
    assert "Labels with fewer than 50 training examples, whose scores are little known: bad (26), good (27)." in card
    assert "The training data do not say their language." in card
    page = (zero_shot.parents[2] / "report" / "report.html").read_text()
    assert "Test scores by language (seed 3)" in page
    assert f"{languages['average']['accuracy']:.3f} [" in page


def test_a_test_file_of_another_language_reruns_what_depends_on_it(project: Path, zero_shot: Path) -> None:
    from encodery.stages import plan

    with (project / "sw.jsonl").open("a") as file:
        file.write('{"text": "The dull river.", "label": "bad"}\n')
    this = opened(project, LANGUAGES, "finetune.mood.seeds=[3]")
    states = {item.stage.name: item.state for item in plan(this, stages_of(this))}
    assert [name for name, state in states.items() if state != "fresh"] == ["finetune.mood.3", "report"]


def test_the_command_says_when_the_recipe_alone_is_not_enough(project: Path) -> None:
    assert run_command(opened(project), "finetune.mood.3") == "encodery run tiny.toml finetune.mood.3"
    assert run_command(opened(project, "output=elsewhere"), "x") == "encodery run tiny.toml x"
    assert run_command(opened(project, "finetune.mood.epochs=7"), "x") == (
        "encodery run tiny.toml x  # with the changes by --set that manifest.json has under config"
    )


def test_rows_of_a_card() -> None:
    group = {"examples": 7, "f1": 0.25, "intervals": {"f1": [0.125, 0.5]}}
    metrics = {"dev": {"f1": 0.5, "epochs": 3}, "test": {**group, "languages": {"sw": group}}, "steps": 7}
    assert scores_of_card(metrics) == [
        ("dev", "f1", "0.5000"),
        ("test", "f1", "0.2500 (95 %: 0.1250 to 0.5000)"),
        ("test, sw", "f1", "0.2500 (95 %: 0.1250 to 0.5000)"),
    ]
    (table,) = language_tables(metrics["test"], 3)  # type: ignore[arg-type]
    assert table.rows == [("sw", "7", "0.250 [0.125, 0.500]")]
    assert language_tables(group, 3) == []
