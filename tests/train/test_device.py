"""The switch for the same bits: what it sets, what it puts back, and the number of threads it insists on."""

import os
from pathlib import Path

import pytest
import torch

from encodery.errors import UserError
from encodery.train.checkpoint import latest_checkpoint
from encodery.train.device import check_threads, deterministic_kernels, seed_dropout
from tests.train.test_trainer import batches, make, same


def test_dropout_is_that_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(7)
    expected = torch.rand(5)
    seed_dropout(torch.device("cpu"), 7)
    assert torch.equal(torch.rand(5), expected)
    every: list[int] = []
    monkeypatch.setattr(torch, "manual_seed", every.append)
    seed_dropout(torch.device("cpu"), 11)
    seed_dropout(torch.device("cuda"), 11)
    assert every == [11]


def settings() -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark


def test_the_switches_are_set_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before = settings()
    with deterministic_kernels(True):
        assert settings() == (True, False)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert settings() == before


def test_nothing_is_set_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with deterministic_kernels(False):
        assert settings() == (False, torch.backends.cudnn.benchmark)
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_the_same_seed_gives_the_same_bits(tmp_path: Path) -> None:
    first, second = (make(tmp_path / name, deterministic=True) for name in ("a", "b"))
    first.fit()
    torch.manual_seed(99)  # whatever was drawn before
    torch.rand(7)
    second.fit()
    assert same(first, second)
    assert not torch.are_deterministic_algorithms_enabled()


def test_training_runs_under_the_switch(tmp_path: Path) -> None:
    seen = []

    def looking(step: int) -> object:
        seen.append(torch.are_deterministic_algorithms_enabled())
        return batches(step)

    trainer = make(tmp_path, deterministic=True)
    trainer.batches = looking  # type: ignore[assignment]
    trainer.fit()
    assert seen == [True] * 7


def test_the_number_of_threads_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make(tmp_path, deterministic=True)
    trainer.fit()
    assert trainer.state.threads == torch.get_num_threads()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 61)
    with pytest.raises(UserError) as error:
        make(tmp_path, deterministic=True).fit()
    assert trainer.state.threads is not None
    assert str(error.value) == (
        f"deterministic = true, but this run began with {trainer.state.threads} threads and has 61 now, which "
        f"changes the last bits; start it with OMP_NUM_THREADS={trainer.state.threads}, or set deterministic = false"
    )
    assert check_threads(None) == check_threads(61) == 61


def test_without_the_switch_threads_are_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path).fit()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 61)
    make(tmp_path).fit()
    checkpoint = latest_checkpoint(tmp_path / "checkpoints", pytest.fail)
    assert checkpoint is not None
    assert checkpoint.load()[2]["threads"] is None


@pytest.mark.gpu
def test_a_gpu_gives_the_same_bits(tmp_path: Path) -> None:
    first, second = (
        make(tmp_path / name, 31, device="cuda", deterministic=True, precision="bf16") for name in ("a", "b")
    )
    first.fit()
    second.fit()
    assert same(first, second)
