"""`encodery run` by two ranks: one recipe, one run, one error; what one rank leaves another takes up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch._C._distributed_c10d import HashStore

from encodery.data.shards import Shards
from encodery.recipe import load_recipe
from encodery.stages import open_run, plan, run
from encodery.stages.graph import selected, stages_of
from encodery.stages.skipping import log_skipped
from encodery.train.distributed import Ranks
from encodery.train.log import read_log
from tests.stages.splitting import lose_a_shard
from tests.train.groups import end_of, environment, start_ranks

RUN = ["-m", "encodery", "run", "tiny.toml"]
ONE_SEED = ["--set", "finetune.mood.seeds=[3]"]
PRETRAIN_ONLY = ["pretrain", "--set", "pretrain.steps=40"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *RUN]


def pretrain_log(project: Path) -> list[dict[str, Any]]:
    found = [*project.glob("runs/tiny/pretrain/log.jsonl"), *project.glob("runs/tiny/.work/pretrain-*/log.jsonl")]
    return read_log(found[0]) if found else []


def wait_for_step(project: Path, step: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 100
    while not any(record["event"] == "checkpoint" and record["step"] >= step for record in pretrain_log(project)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_ranks_run_a_recipe_once(project: Path) -> None:
    """All its stages, said once; whoever asks next finds it fresh, the strategy is no part of a key."""
    (code, said), (other_code, other_said) = end_of(start_ranks([[*RUN, *ONE_SEED]] * 2, project))
    assert (code, other_code) == (0, 0), said + other_said
    assert other_said == ""
    assert said.count("pretrain: 12 steps") == 1
    assert "report" in said
    assert [record["step"] for record in pretrain_log(project) if record["event"] == "step"] == [2, 4, 6, 8, 10, 12]
    overrides = ["finetune.mood.seeds=[3]", "pretrain.parallel=fsdp"]
    opened = open_run(load_recipe(Path("tiny.toml"), overrides), Path("tiny.toml"), Console(quiet=True))
    states = {planned.stage.name: planned.state for planned in plan(opened, stages_of(opened))}
    assert states.pop("report") == "run"
    assert set(states.values()) == {"fresh"}


def test_ranks_that_were_not_started_alike_all_stop(project: Path) -> None:
    different = [*RUN, *ONE_SEED, "--set", "pretrain.steps=13"]
    ends = end_of(start_ranks([[*RUN, *ONE_SEED], different], project))
    assert [code for code, _ in ends] == [2, 2]
    assert "".join(said for _, said in ends) == (
        "encodery: rank 1 was not started as rank 0 was: recipe.pretrain.steps 12 → 13; start every rank with the "
        "same recipe file and arguments\n"
    )
    assert not (project / "runs").exists()


def test_an_error_of_the_first_rank_is_that_of_all(project: Path) -> None:
    """In a stage that the others do not take part in, while they wait."""
    (project / "train.jsonl").write_text('{"text": "good", "label": "good"}\n{"text": 3}\n')
    ends = end_of(start_ranks([[*RUN, *ONE_SEED]] * 2, project))
    assert [code for code, _ in ends] == [2, 2]
    assert "".join(said for _, said in ends).count("train.jsonl:2") == 1
    assert "Traceback" not in ends[0][1] + ends[1][1]


def test_ranks_go_on_without_a_shard_and_the_first_one_alone_says_so(project: Path) -> None:
    opened = open_run(load_recipe(Path("tiny.toml")), Path("tiny.toml"), Console(quiet=True))
    run(opened, selected(stages_of(opened), ["shards"]))
    folder = project / "runs/tiny/shards/train"
    lose_a_shard(folder)
    short = ["--set", "pretrain.steps=2", "--set", "pretrain.on_missing_shard=skip"]
    for code, said in end_of(start_ranks([[*RUN, "pretrain", *short]] * 2, project)):
        assert code == 0, said
    assert [record["event"] for record in pretrain_log(project)].count("shards") == 1
    log, shards = project / "log.jsonl", {"train": Shards.open(folder, skip_missing=True)}
    store = HashStore()
    log_skipped(Ranks(1, 2, store), log, shards)
    assert not log.exists()
    log_skipped(Ranks(0, 2, store), log, shards)
    assert len(read_log(log)) == 1


@pytest.mark.slow
def test_killed_ranks_continue_with_one_and_with_two(project: Path, tmp_path: Path) -> None:
    """kill -9 of one rank of `torchrun`: nobody hangs; one rank goes on, is killed, two end it. Same batches, same
    losses as of a run that was never stopped, to the order of sums."""
    settings = [*PRETRAIN_ONLY, "--set", "pretrain.checkpoint_every=4"]
    without = ["hidden_dropout_prob", "attention_probs_dropout_prob"]
    settings += [part for name in without for part in ("--set", f"model.config.{name}=0.0")]
    straight = [sys.executable, *RUN, *settings, "--set", "output=straight"]
    subprocess.run(straight, cwd=project, env=environment(), check=True, capture_output=True)

    def started(command: list[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    group = started([*TORCHRUN, *settings])
    wait_for_step(project, 8, group)
    children = Path(f"/proc/{group.pid}/task/{group.pid}/children").read_text().split()
    os.kill(int(children[1]), signal.SIGKILL)
    ((code, said),) = end_of([group])
    assert code != 0
    assert "SIGKILL" in said
    alone = started([sys.executable, *RUN, *settings])
    wait_for_step(project, 20, alone)
    alone.kill()
    alone.communicate()
    ((code, said),) = end_of([started([*TORCHRUN, *settings])])
    assert code == 0, said
    logs = read_log(project / "straight/tiny/pretrain/log.jsonl"), pretrain_log(project)
    losses = [{r["step"]: (r["tokens"], r["mlm_loss"]) for r in log if r["event"] == "step"} for log in logs]
    assert losses[0].keys() == losses[1].keys()
    for step, (tokens, loss) in losses[0].items():
        assert losses[1][step] == (tokens, pytest.approx(loss, rel=1e-4))
    resumed = [record["step"] for record in logs[1] if record["event"] == "resume"]
    assert len(resumed) == 3
    assert 8 <= resumed[1] < 20 <= resumed[2] <= 40
    one, two = (load_file(project / folder / "tiny/pretrain/model.safetensors") for folder in ("straight", "runs"))
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
def test_torchrun_restarts_a_group_that_lost_a_rank(project: Path) -> None:
    settings = [*PRETRAIN_ONLY, "--set", "pretrain.checkpoint_every=4"]
    command = [*TORCHRUN[:5], "--max-restarts", "3", *TORCHRUN[5:], *settings]
    group = subprocess.Popen(
        command, cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait_for_step(project, 8, group)
    children = Path(f"/proc/{group.pid}/task/{group.pid}/children").read_text().split()
    os.kill(int(children[1]), signal.SIGKILL)
    ((code, said),) = end_of([group])
    assert code == 0, said
    assert [record["step"] for record in pretrain_log(project) if record["event"] == "resume"][-1] >= 8
