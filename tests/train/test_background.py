"""Checkpoints written while training goes on: the same files; a full disk is said and harms no earlier one."""

import errno
import threading
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from encodery.errors import UserError
from encodery.train import checkpoint as module
from encodery.train.background import Background
from encodery.train.checkpoint import latest_checkpoint
from tests.train.test_trainer import make, same


def test_work_goes_on_beside_and_its_error_comes_back() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def failing() -> None:
        begun.set()
        may_end.wait()
        raise UserError("disk full")

    with Background(True) as background:
        background.run(failing)
        begun.wait()
        background.check()
        may_end.set()
        with pytest.raises(UserError, match="disk full"):
            background.wait()
        background.check()
    with Background(False) as background, pytest.raises(UserError, match="disk full"):
        background.run(failing)


def test_checkpoints_are_those_of_a_run_that_waits(tmp_path: Path) -> None:
    """Whatever training does to the weights meanwhile: each is of its step."""
    trainers = []
    for asynchronous in (False, True):
        folder = tmp_path / str(asynchronous)
        trainers.append(make(folder, checkpoint_every=2, keep_checkpoints=9, asynchronous_checkpoints=asynchronous))
        trainers[-1].fit()
    assert same(*trainers)
    folders = [sorted((tmp_path / str(on) / "checkpoints").iterdir()) for on in (False, True)]
    assert [path.name for path in folders[1]] == [f"step-{step:08d}" for step in (2, 4, 6, 7)]
    for waited, beside in zip(*folders, strict=True):
        for name in ("model.safetensors", "optimizer.safetensors", "state.json"):
            assert (waited / name).read_bytes() == (beside / name).read_bytes()


def test_a_full_disk_in_the_middle_of_a_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, written = save_file, []

    def full(tensors: Any, path: Path) -> None:
        written.append(path)
        if len(written) == 4:  # the optimizer's file of the second checkpoint
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        saved(tensors, path)

    monkeypatch.setattr(module, "save_file", full)
    trainer = make(tmp_path, checkpoint_every=2, asynchronous_checkpoints=True)
    with pytest.raises(UserError, match="space"):
        trainer.fit()
    left = latest_checkpoint(tmp_path / "checkpoints", pytest.fail)
    assert left is not None
    assert left.step == 2
    monkeypatch.undo()
    again, straight = make(tmp_path, checkpoint_every=2), make(tmp_path / "straight")
    again.fit()
    straight.fit()
    assert same(again, straight)
