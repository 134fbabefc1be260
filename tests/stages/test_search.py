"""`[search]`: trials that depend on the seed and the trials before them alone, whatever was killed on the way."""

import json
import math
import random
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from encodery.errors import Hopeless, UserError
from encodery.recipe import load_recipe
from encodery.stages import open_run, run
from encodery.stages import search as module
from encodery.stages.finetuning import build_finetune
from encodery.stages.graph import selected, stages_of
from encodery.stages.search import best_of, snippet, suggest
from encodery.train.space import SearchTable
from tests.conftest import own_copy
from tests.stages.test_resume import environment
from tests.stages.test_run import planned

TABLE = """
[search]
finetune = "mood"
trials = 4
space = { "optimizer.lr" = { low = 1e-4, high = 1e-1, log = true }, epochs = [1, 2, 3] }
"""
SPACE = SearchTable.parse({**tomllib.loads(TABLE)["search"]}, "search")


@pytest.fixture
def searching(done: Path) -> Path:
    """A finished project whose recipe has got a search."""
    with (done / "tiny.toml").open("a") as file:
        file.write(TABLE)
    return done


@pytest.fixture(scope="module")
def searched_once(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished project that has searched, too; for copying, not for changing."""
    folder = tmp_path_factory.mktemp("searched") / "done"
    shutil.copytree(finished, folder)
    with (folder / "tiny.toml").open("a") as file:
        file.write(TABLE)
    with chdir(folder):
        search(folder)
    return folder


@pytest.fixture
def searched(searched_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of one's own, also the current directory."""
    return own_copy(searched_once, tmp_path / "done", monkeypatch)


def search(project: Path, *overrides: str) -> list[dict[str, Any]]:
    """Run the search alone; its trials."""
    this = open_run(load_recipe(project / "tiny.toml", overrides), project / "tiny.toml", Console(quiet=True))
    run(this, selected(stages_of(this), ["search"]))
    return read(project)


def read(project: Path) -> list[dict[str, Any]]:
    lines = (project / "runs" / "tiny" / "search" / "trials.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def refusal(project: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        search(project, *overrides)
    return str(error.value)


def test_trials_stay_in_the_space_and_the_best_is_told(searched: Path) -> None:
    trials = read(searched)
    assert [trial["trial"] for trial in trials] == [1, 2, 3, 4]
    for trial in trials:
        assert 1e-4 <= trial["values"]["optimizer.lr"] <= 1e-1
        assert trial["values"]["epochs"] in (1, 2, 3)
        assert trial["value"] == trial["dev"]["accuracy"]
    assert len({trial["values"]["optimizer.lr"] for trial in trials}) == 4
    assert len({trial["steps"] for trial in trials}) > 1  # the values reach the trainer
    best = max(trials, key=lambda trial: trial["value"])
    text = (searched / "runs" / "tiny" / "search" / "best.toml").read_text()
    lines = tomllib.loads(text)["finetune"]["mood"]
    assert (lines["optimizer"]["lr"], lines["epochs"]) == (best["values"]["optimizer.lr"], best["values"]["epochs"])
    assert text.startswith(f"# Trial {best['trial']} of 4: dev accuracy {best['value']:.4f}.\n")
    assert planned(searched)["search"].state == "fresh"


def test_the_best_values_give_the_score_that_was_told(searched: Path) -> None:
    best = best_of(read(searched))
    assert best is not None
    changes = [f"finetune.mood.{key}={value}" for key, value in best["values"].items()]
    this = open_run(load_recipe(searched / "tiny.toml", changes), searched / "tiny.toml", Console(quiet=True))
    run(this, selected(stages_of(this), ["finetune.mood.3"]))
    folder = searched / "runs" / "tiny" / "finetune" / "mood" / "3"
    assert json.loads((folder / "encodery.json").read_text())["metrics"]["dev"] == best["dev"]


@pytest.mark.slow  # the next test has instants that are not random
def test_killed_between_and_within_trials_it_is_the_same_search(searching: Path) -> None:
    expected = search(searching)
    (searching / "runs" / "tiny" / "search" / "manifest.json").unlink()
    subprocess.run(["rm", "-rf", str(searching / "runs" / "tiny" / "search")], check=True)
    command = [
        sys.executable,
        "-m",
        "encodery",
        "run",
        "tiny.toml",
        "search",
        "--set",
        "finetune.mood.checkpoint_every=1",
    ]
    draw, killed_with = random.Random(3), set()
    for _ in range(4):
        process = subprocess.Popen(
            command, cwd=searching, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(draw.uniform(3.0, 5.0))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed_with.add(len(list(searching.glob("runs/tiny/.work/search-*/trials/*.json"))))
        process.communicate()
        if (searching / "runs" / "tiny" / "search").is_dir():
            break
    assert killed_with
    assert search(searching, "finetune.mood.checkpoint_every=1") == expected


def test_a_trial_that_was_killed_is_tried_again_and_not_counted(
    searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(searched)
    shutil.rmtree(searched / "runs" / "tiny" / "search")
    train, tried = module._train, []

    def dying(this: Any, table: Any, values: Any, work: Path) -> dict[str, Any]:
        tried.append(values)
        if len(tried) in (2, 4):
            raise KeyboardInterrupt
        return train(this, table, values, work)

    monkeypatch.setattr(module, "_train", dying)
    for finished in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            search(searched)
        assert len(list(searched.glob("runs/tiny/.work/search-*/trials/*.json"))) == finished
        state = planned(searched)["search"]
        assert (state.state, state.reason) == ("continue", "stopped before its end")
    assert search(searched) == expected
    assert tried[1] == tried[2]
    assert tried[3] == tried[4]


def test_a_trial_that_fails_is_counted_and_avoided(searching: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = build_finetune

    def failing(this: Any, into: Path, work: Path, name: str, seed: int) -> Any:
        if this.recipe.finetune[name].epochs == 2:
            raise UserError("step 3: loss or gradient not finite")
        return build(this, into, work, name, seed)

    monkeypatch.setattr(module, "build_finetune", failing)
    trials = search(searching, "search.trials=6")
    failed = [trial for trial in trials if trial["values"]["epochs"] == 2]
    assert failed
    assert all(trial["error"] == "step 3: loss or gradient not finite" for trial in failed)
    assert all("value" in trial for trial in trials if trial not in failed)
    assert best_of(failed) is None
    monkeypatch.setattr(module, "build_finetune", lambda *_: (_ for _ in ()).throw(UserError("no space left")))
    assert refusal(searching, "search.trials=2") == "search: every trial failed, the last one with: no space left"


def test_a_trial_that_stops_by_itself_does_not_end_the_search(
    searching: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Any] = [Hopeless("stopped at step 7: BLEU stays at 0"), {"dev": {"accuracy": 0.5}, "steps": 3}]

    def build(*_: Any) -> Any:
        if isinstance(end := ends.pop(0), Hopeless):
            raise end
        return end

    monkeypatch.setattr(module, "build_finetune", build)
    stuck, good = search(searching, "search.trials=2")
    assert stuck["error"] == "stopped at step 7: BLEU stays at 0"
    assert good["value"] == 0.5


def test_a_score_that_is_no_number_is_a_failure(searching: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([math.nan, 0.5, math.inf, 0.25])
    monkeypatch.setattr(module, "build_finetune", lambda *_: {"dev": {"accuracy": next(scores)}, "steps": 3})
    trials = search(searching)
    assert [trial.get("value") for trial in trials] == [None, 0.5, None, 0.25]
    assert trials[0]["error"] == "dev accuracy is not a finite number"


def test_the_test_file_is_not_seen(searched: Path) -> None:
    (searched / "other.jsonl").write_text((searched / "dev.jsonl").read_text())
    assert planned(searched, "finetune.mood.test=other.jsonl")["search"].state == "fresh"
    assert planned(searched, "finetune.mood.dev=other.jsonl")["search"].state == "run"
    assert planned(searched, "finetune.mood.seeds=[5]")["search"].state == "run"
    assert not (searched / "runs" / "tiny" / "search" / "predictions.jsonl").exists()


def trials_of(*values: float, metric: str = "accuracy") -> list[dict[str, Any]]:
    return [
        {
            "trial": n,
            "values": {"optimizer.lr": 10.0 ** -(1 + n % 4), "epochs": 1 + n % 3},
            "metric": metric,
            "value": v,
        }
        for n, v in enumerate(values)
    ]


def test_a_suggestion_follows_from_the_seed_and_the_trials() -> None:
    done = trials_of(*(0.5 + 0.01 * n for n in range(13)))
    assert suggest(SPACE, done, 7) == suggest(SPACE, done, 7)
    assert suggest(SPACE, done, 7) != suggest(SPACE, done, 8)
    assert suggest(SPACE, done, 7) != suggest(SPACE, done[:-1], 7)


@pytest.mark.parametrize(("metric", "sign"), [("accuracy", 1), ("loss", -1)])
def test_suggestions_go_where_it_was_better(metric: str, sign: int) -> None:
    """Rates near 3e-4 do well: the later suggestions are nearer than the first ones, which are random, whichever way
    the metric points."""
    done: list[dict[str, Any]] = []
    for number in range(40):
        values = suggest(SPACE, done, 11)
        distance = abs(-3.5 - math.log10(values["optimizer.lr"]))
        done.append({"trial": number, "values": values, "metric": metric, "value": -sign * distance})
    distances = [abs(trial["value"]) for trial in done]
    assert sum(distances[10:]) / 30 < 0.8 * sum(distances[:10]) / 10
    best = best_of(done)
    assert best is not None
    assert abs(best["value"]) == min(distances)


def test_lines_for_the_recipe_are_toml() -> None:
    best = {
        "trial": 3,
        "metric": "loss",
        "value": 0.25,
        "values": {"optimizer.lr": 1e-05, "keep": 'b"st', "lora.x": True},
    }
    text = snippet(SPACE, best, 9)
    assert text.startswith("# Trial 3 of 9: dev loss 0.2500.\n# Put these lines into the recipe's table:\n")
    assert tomllib.loads(text)["finetune"]["mood"] == {
        "optimizer": {"lr": 1e-05},
        "keep": 'b"st',
        "lora": {"x": True},
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("search.finetune=moody", "search.finetune = 'moody': no such [finetune.NAME]; there is mood"),
        ("search.space.epochs=[0, 1]", "search.space: epochs = 0: input should be greater than 0"),
        ("search.space={epoch=[1, 2]}", "search.space: unknown key 'epoch'; did you mean 'epochs'?"),
        ("search.trials=0", "search.trials = 0: input should be greater than 0"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_runs(searching: Path, change: str, why: str) -> None:
    assert why in refusal(searching, change)


def test_a_search_needs_dev_data_and_optuna(searching: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert refusal(searching) == "[search] needs Optuna; try: pip install 'encodery[search]'"
    text = (searching / "tiny.toml").read_text().replace('dev = "dev.jsonl"\n', "")
    (searching / "tiny.toml").write_text(text)
    assert refusal(searching).endswith('[search] compares scores on dev data; give [finetune.mood] dev = "FILE"')


def test_recipes_without_a_search_keep_their_keys(done: Path) -> None:
    assert "search" not in load_recipe(done / "tiny.toml").model_dump()
    assert {item.state for item in planned(done).values()} == {"fresh"}
