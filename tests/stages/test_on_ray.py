"""A recipe on a Ray cluster: what workers do and say, and that two of them learn what two ranks of `torchrun` do."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from encodery.errors import UserError
from encodery.stages import on_ray
from encodery.stages.on_ray import run_on_ray
from tests.train.groups import end_of, environment, start_ranks


class TrainingFailedError(Exception):
    """What Ray raises."""

    def __init__(self, failures: dict[int, BaseException]) -> None:
        super().__init__("Training failed due to worker errors")
        self.worker_failures = failures


class FakeTrainer:
    """One worker, in this process."""

    made: dict[str, Any]

    def __init__(self, loop: Callable[[], None], **given: Any) -> None:
        self.loop = loop
        FakeTrainer.made = given

    def fit(self) -> None:
        try:
            self.loop()
        except Exception as error:
            raise TrainingFailedError({0: error}) from None


@pytest.fixture
def fake_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's names, as far as they are used."""
    own: Any = SimpleNamespace
    train = own(FailureConfig=own, RunConfig=own, ScalingConfig=own, TrainingFailedError=TrainingFailedError)
    torch_part = own(
        TorchTrainer=FakeTrainer, TorchConfig=lambda backend, timeout_s: own(backend=backend, timeout_s=timeout_s)
    )
    for name, module in (("ray", own(train=train)), ("ray.train", train), ("ray.train.torch", torch_part)):
        monkeypatch.setitem(sys.modules, name, module)


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray.train", None)
    with pytest.raises(UserError) as refused:
        run_on_ray(Path("tiny.toml"), 2)
    assert str(refused.value) == "a run on Ray needs Ray Train; try: pip install 'encodery[ray]'"


def test_a_worker_runs_the_recipe_where_the_caller_stands(fake_ray: None, project: Path) -> None:
    folder = run_on_ray(
        Path("tiny.toml"), 3, ["output=there"], ["tokenizer"], use_gpu=True, resources_per_worker={"CPU": 5},
        max_failures=7,
    )  # fmt: skip
    assert folder == Path("there/tiny")
    assert (folder / "tokenizer" / "manifest.json").is_file()
    made = FakeTrainer.made
    assert vars(made["torch_config"]) == {"backend": "cpu:gloo,cuda:nccl", "timeout_s": 600}
    assert vars(made["scaling_config"]) == {
        "num_workers": 3,
        "use_gpu": True,
        "resources_per_worker": {"CPU": 5},
    }
    assert made["run_config"].name == "tiny"
    assert made["run_config"].storage_path == str(project / "there" / ".ray")
    assert made["run_config"].failure_config.max_failures == 7


def test_a_message_to_a_person_comes_through(fake_ray: None, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a rank leaves it to another to say; what is no message comes as Ray has it."""
    with pytest.raises(UserError, match="steps"):
        run_on_ray(Path("tiny.toml"), 2, ["pretrain.steps=-1"])
    with pytest.raises(UserError, match="no stage is called 'pretrian'"):
        run_on_ray(Path("tiny.toml"), 2, only=["pretrian"])

    def leaving(path: Path, *settings: Sequence[str]) -> None:
        try:
            raise UserError("shard 3 is gone")
        except UserError as error:
            raise SystemExit(error.exit_code) from None

    monkeypatch.setattr(on_ray, "run_recipe", leaving)
    with pytest.raises(UserError, match="shard 3 is gone"):
        run_on_ray(Path("tiny.toml"), 2)

    def broken(path: Path, *settings: Sequence[str]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(on_ray, "run_recipe", broken)
    with pytest.raises(TrainingFailedError):
        run_on_ray(Path("tiny.toml"), 2)


ON_RAY = """
import sys
from pathlib import Path
import ray
from encodery.errors import UserError
from encodery.stages.on_ray import run_on_ray

if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False)
    print("folder:", run_on_ray(Path("tiny.toml"), 2, [*sys.argv[1:], "output=ray"], ["pretrain"]))
    Path("text/a.txt").unlink(), Path("text/b.txt").unlink()
    try:
        run_on_ray(Path("tiny.toml"), 2, [*sys.argv[1:], "output=ray"], ["pretrain"])
    except UserError as error:
        print("said:", error)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs ray: pip install 'encodery[ray]'")
def test_two_workers_learn_what_two_ranks_and_one_do(project: Path, tmp_path: Path) -> None:
    settings = [f"model.config.{name}=0.0" for name in ("hidden_dropout_prob", "attention_probs_dropout_prob")]
    given = [part for setting in settings for part in ("--set", setting)]
    run = ["-m", "encodery", "run", "tiny.toml", "pretrain", *given, "--set"]
    for commands in ([[*run, "output=two"]] * 2, [[*run, "output=one"]]):
        for code, said in end_of(start_ranks(commands, project)):
            assert code == 0, said
    (project / "on_ray_here.py").write_text(ON_RAY)
    # Ray keeps a token and logs in the home folder, and would report its use to its makers
    around = {**environment(), "HOME": str(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "on_ray_here.py", *settings]
    done = subprocess.run(command, cwd=project, env=around, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "folder: ray/tiny" in lines
    assert any(line.startswith("said: ") and "text" in line for line in lines), lines
    ray, two, one = (load_file(project / name / "tiny/pretrain/model.safetensors") for name in ("ray", "two", "one"))
    for name, weight in ray.items():
        assert torch.equal(two[name], weight), name  # as many ranks, the same bits
        torch.testing.assert_close(one[name], weight, atol=1e-4, rtol=1e-3)
