"""The best weights are found, kept through kills to the same bits, and brought back at the end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from encodery.errors import UserError
from encodery.train.checkpoint import latest_checkpoint
from encodery.train.log import read_log
from encodery.train.trainer import Trainer
from tests.train.test_trainer import make, same, weights

SCORES = {2: 0.3, 4: 0.8, 6: 0.5, 8: 0.7, 10: 0.8, 11: 0.1}
"""What an evaluation says after a step: the best is the one after step 4."""


def judged(folder: Path, scores: Mapping[int, float] = SCORES, total_steps: int = 11, **settings: Any) -> Trainer:
    trainer = make(folder, total_steps, **{"evaluate_every": 2, "checkpoint_every": 3, "keep": "best", **settings})
    trainer.evaluate = lambda: {"accuracy": scores[trainer.state.step], "probe": probe(trainer)}
    return trainer


def probe(trainer: Trainer) -> float:
    """A number that only these weights give."""
    return sum(float(value.double().sum()) for value in weights(trainer).values())


def after(folder: Path, step: int) -> Trainer:
    """A run that stands at this step of the same schedule."""
    trainer = make(folder, 11, evaluate_every=1000, checkpoint_every=1000)
    batches = trainer.batches

    def stopping(number: int) -> Any:
        if number == step:
            raise KeyboardInterrupt
        return batches(number)

    trainer.batches = stopping
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    return trainer


def test_the_best_weights_come_back(tmp_path: Path) -> None:
    trainer = judged(tmp_path / "run")
    trainer.console = Console(width=200)
    with trainer.console.capture() as screen:
        metrics = trainer.fit()
    there = after(tmp_path / "there", 4)
    assert same(trainer, there)
    assert metrics["probe"] == probe(there)  # what is returned was measured on what is kept
    assert "best: accuracy 0.8000 at step 4; the weights of step 4 are kept" in screen.get()
    (event,) = [record for record in read_log(tmp_path / "run" / "log.jsonl") if record["event"] == "best"]
    assert event == {"event": "best", "step": 11, "best_step": 4, "kept_step": 4, "accuracy": 0.8}


def test_the_last_weights_stay_where_nothing_else_is_asked(tmp_path: Path) -> None:
    trainer, plain = judged(tmp_path / "a", keep="last"), make(tmp_path / "b", 11)
    trainer.fit()
    plain.fit()
    assert same(trainer, plain)
    assert trainer.best is None
    assert not [record for record in read_log(tmp_path / "a" / "log.jsonl") if record["event"] == "best"]


def test_a_best_last_evaluation_goes_nowhere(tmp_path: Path) -> None:
    trainer, plain = judged(tmp_path / "a", {**SCORES, 11: 0.9}), make(tmp_path / "b", 11)
    assert trainer.fit()["accuracy"] == 0.9
    plain.fit()
    assert same(trainer, plain)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_patience_ends_training(tmp_path: Path, keep: str) -> None:
    trainer = judged(tmp_path / "run", keep=keep, early_stopping={"patience": 2})
    trainer.console = Console(width=200)
    with trainer.console.capture() as screen:
        metrics = trainer.fit()
    assert trainer.state.step == 8
    assert same(trainer, after(tmp_path / "there", 4 if keep == "best" else 8))
    assert metrics["probe"] == probe(trainer)
    kept = 4 if keep == "best" else 8
    assert "stopped early at step 8: nothing better in 2 evaluations" in screen.get()
    assert f"best: accuracy 0.8000 at step 4; the weights of step {kept} are kept" in screen.get()


def test_a_run_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    first = judged(tmp_path, early_stopping={"patience": 2})
    metrics = first.fit()
    again = judged(tmp_path, early_stopping={"patience": 2})
    again.batches = lambda step: pytest.fail("no step is left")
    assert again.fit() == metrics
    assert same(first, again)


@pytest.mark.parametrize("rule", [None, {"patience": 2}])
@pytest.mark.parametrize("kill", range(1, 8))
def test_a_killed_run_keeps_the_same_bits(tmp_path: Path, kill: int, rule: dict[str, int] | None) -> None:
    """Killed before any of its steps: also between the best evaluation and the next checkpoint."""
    straight = judged(tmp_path / "straight", early_stopping=rule)
    metrics = straight.fit()
    killed = judged(tmp_path / "killed", early_stopping=rule)
    batches = killed.batches

    def dying(step: int) -> Any:
        if step == kill:
            raise KeyboardInterrupt
        return batches(step)

    killed.batches = dying
    with pytest.raises(KeyboardInterrupt):
        killed.fit()
    again = judged(tmp_path / "killed", early_stopping=rule)
    assert again.fit() == metrics
    assert same(straight, again)
    assert again.state == straight.state
    evaluated = [
        record["step"] for record in read_log(tmp_path / "killed" / "log.jsonl") if record["event"] == "eval"
    ]
    assert evaluated == [step for step in SCORES if step <= straight.state.step]


def test_a_checkpoint_brings_the_best_weights_that_it_knew(tmp_path: Path) -> None:
    """Damage to the newest one leads back to an older one, whose best is an older one, too."""
    trainer = judged(tmp_path, {2: 0.3, 4: 0.8, 6: 0.9, 8: 0.7, 10: 0.8, 11: 0.1})
    trainer.fit()
    for name, best_step in (("step-00000011", 6), ("step-00000009", 6)):
        checkpoint = latest_checkpoint(tmp_path / "checkpoints", lambda text: None)
        assert checkpoint is not None
        assert checkpoint.folder.name == name
        best = checkpoint.load_best()
        assert best is not None
        there = weights(after(tmp_path / name, best_step))
        assert all(torch.equal(best[key], there[key]) for key in there)
        content = bytearray((checkpoint.folder / "best.safetensors").read_bytes())
        content[-3] ^= 1
        (checkpoint.folder / "best.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"none of its checkpoints can be used"):
        latest_checkpoint(tmp_path / "checkpoints", lambda text: None)


def test_without_an_evaluation_there_is_no_best(tmp_path: Path) -> None:
    trainer = make(tmp_path, 3, keep="best")
    with pytest.raises(UserError, match=r"there is nothing to evaluate on"):
        trainer.fit()
