"""`keep = "best"` and `early_stopping` from the recipe to the model folder, also under `kill -9`."""

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from encodery.artifact import read_manifest
from encodery.config import read_json
from encodery.errors import UserError
from encodery.stages import run
from encodery.stages.graph import selected, stages_of
from encodery.train.log import read_log
from tests.stages.test_resume import digest, finish, start
from tests.stages.test_run import opened, planned

BEST = (
    "--set",
    "finetune.mood.keep=best",
    "--set",
    "finetune.mood.evaluate_every=2",
    "--set",
    "finetune.mood.epochs=5",
)
WEIGHTS = "runs/tiny/finetune/mood/3/model.safetensors"


def tuned(project: Path, *overrides: str) -> Path:
    """The model folder of seed 3, fine-tuned with these changes."""
    this = opened(project, "finetune.mood.seeds=[3]", *overrides)
    run(this, selected(stages_of(this), ["finetune.mood"]))
    return project / "runs" / "tiny" / "finetune" / "mood" / "3"


def refusal(project: Path, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        tuned(project, *overrides)
    return str(error.value)


def test_what_is_published_is_the_best(done: Path) -> None:
    folder = tuned(
        done, "finetune.mood.keep=best", "finetune.mood.best_metric=loss", "finetune.mood.evaluate_every=1",
        "finetune.mood.optimizer={lr=0.3, warmup_steps=0, schedule='constant'}",
    )  # fmt: skip
    log = read_log(folder / "log.jsonl")
    losses = {record["step"]: record["loss"] for record in log if record["event"] == "eval"}
    metrics = read_json(folder / "encodery.json")["metrics"]
    best = min(losses, key=losses.__getitem__)
    assert best < max(losses)  # else the last one would be the best, and nothing would be shown
    assert metrics["best"] == {"step": best, "metric": "loss", "value": losses[best], "waited": len(losses) - best}
    assert metrics["dev"]["loss"] == losses[best]
    manifest = read_manifest(folder)
    assert manifest is not None
    assert manifest.metrics["best"] == metrics["best"]


def test_early_stopping_trains_for_fewer_steps(done: Path) -> None:
    folder = tuned(
        done, "finetune.mood.early_stopping={patience=1}", "finetune.mood.evaluate_every=1",
        "finetune.mood.epochs=31", "finetune.mood.best_metric=macro_f1",
    )  # fmt: skip
    metrics = read_json(folder / "encodery.json")["metrics"]
    assert metrics["steps"] == metrics["best"]["step"] + 1
    assert metrics["best"]["metric"] == "macro_f1"


def test_how_often_to_evaluate_matters_only_where_it_decides(done: Path) -> None:
    changed = "finetune.mood.evaluate_every=3"
    assert planned(done, changed)["finetune.mood.3"].state == "fresh"
    tuned(done, "finetune.mood.keep=best")
    assert planned(done, "finetune.mood.keep=best", "finetune.mood.seeds=[3]")["finetune.mood.3"].state == "fresh"
    assert planned(done, "finetune.mood.keep=best", changed)["finetune.mood.3"].state == "run"


def test_pretraining_keeps_its_best_too(done: Path) -> None:
    this = opened(done, "pretrain.keep=best", "pretrain.best_metric=mlm_loss", "pretrain.evaluate_every=1")
    run(this, selected(stages_of(this), ["pretrain"]))
    best = read_json(done / "runs" / "tiny" / "pretrain" / "encodery.json")["metrics"]["best"]
    assert best["metric"] == "mlm_loss"


def test_what_is_not_measured_is_refused_before_training(done: Path) -> None:
    assert refusal(done, "finetune.mood.keep=best", "finetune.mood.best_metric=f2") == (
        "finetune.mood.best_metric = 'f2'; one of accuracy, macro_f1, loss is allowed"
    )
    assert refusal(done, "pretrain.best_metric=accuracy").endswith(
        "pretrain: best_metric = 'accuracy'; one of mlm_loss, mlm_accuracy, nsp_loss, nsp_accuracy is allowed, and "
        "with corpus.probe_inputs probe_mlm_loss, probe_mlm_accuracy"
    )
    text = (done / "tiny.toml").read_text().replace('dev = "dev.jsonl"\n', "")
    (done / "tiny.toml").write_text(text)
    assert refusal(done, "finetune.mood.keep=best").endswith(
        'finetune.mood: keep = "best" and early_stopping compare scores on dev data; give dev = "FILE"'
    )
    assert "finetune.mood.early_stopping.patience = 0: input should be greater than 0" in refusal(
        done, "finetune.mood.early_stopping={patience=0}"
    )


@pytest.mark.slow  # instants that are not random: tests/train/test_keeping.py
def test_killed_at_random_instants(done: Path) -> None:
    shutil.rmtree(done / "runs" / "tiny" / "finetune")
    finish(done, *BEST)
    reference = digest(done / WEIGHTS)
    draw, kills = random.Random(17), 0
    shutil.rmtree(done / "runs" / "tiny" / "finetune")
    while kills < 4:
        process = start(done, *BEST, "--set", "finetune.mood.checkpoint_every=1")
        time.sleep(draw.uniform(1.5, 4.5))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
        if (done / WEIGHTS).exists():
            assert digest(done / WEIGHTS) == reference
            shutil.rmtree(done / "runs" / "tiny" / "finetune")
    said = finish(done, *BEST)
    assert digest(done / WEIGHTS) == reference
    assert "best: accuracy" in said.replace("\n", " ")
