"""`kill -9` at any moment, then the same command: the same final bits."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import write_project
from tests.forking import Forked

KILLS = 10
SHUTDOWN = 75
WEIGHTS = "runs/tiny/pretrain/model.safetensors"
TASK_WEIGHTS = "runs/tiny/finetune/mood/3/model.safetensors"
COMMAND = ["-m", "encodery", "run", "tiny.toml", "--set", "finetune.mood.seeds=[3]"]

KILL_INSIDE_A_SAVE = """
import os, signal, sys
from encodery.artifact import publishing

sys.argv = ["encodery", *sys.argv[1:]]
rename, count = publishing.rename, 0

def killing_rename(source, target):
    # the second checkpoint of pretraining: written and sealed beside its place, not yet moved into it
    global count
    count += target.name.startswith("step-")
    if count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)

publishing.rename = killing_rename
from encodery.cli import main
main()
"""


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def start(project: Path, *arguments: str) -> Forked:
    return Forked([*COMMAND, *arguments], project, environment())


def finish(project: Path, *arguments: str) -> str:
    process = start(project, *arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out + err


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checkpoints(project: Path) -> list[str]:
    return sorted(path.name for path in project.glob("runs/tiny/.work/*/checkpoints/step-*"))


def wait_for(condition: object, process: Forked) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Straight(NamedTuple):
    """A run that nothing has stopped."""

    digests: dict[str, str]
    seconds: float


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Straight:
    """Of the same project, by an interpreter of its own: other addresses, other hashes, and the time it takes."""
    folder = tmp_path_factory.mktemp("reference")
    write_project(folder)
    started = time.monotonic()
    subprocess.run([sys.executable, *COMMAND], cwd=folder, env=environment(), capture_output=True, check=True)
    return Straight({name: digest(folder / name) for name in (WEIGHTS, TASK_WEIGHTS)}, time.monotonic() - started)


def test_killed_at_random_instants(project: Path, straight: Straight) -> None:
    """Nine random instants and one inside a save, all in one run that is started again each time."""
    inside = Forked(["-c", KILL_INSIDE_A_SAVE, *COMMAND[2:]], project, environment())
    _, err = inside.communicate()
    assert inside.returncode == -signal.SIGKILL, err
    assert checkpoints(project) == ["step-00000003"]
    draw = random.Random(13)
    kills = 1
    while kills < KILLS:
        process = start(project)
        # through text, training and saving: without its imports a run takes a fifth of the time
        time.sleep(draw.uniform(0.0, straight.seconds / 5))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
            process.communicate()
            continue
        process.communicate()
        # done already: take the result away and be killed in the making of it again
        for stage in ("pretrain", "finetune"):
            shutil.rmtree(project / "runs" / "tiny" / stage)
    finish(project)
    assert {name: digest(project / name) for name in (WEIGHTS, TASK_WEIGHTS)} == straight.digests


def test_sigterm_saves_and_the_same_command_continues(project: Path, straight: Straight) -> None:
    process = start(project, "--set", "pretrain.checkpoint_every=1000")
    wait_for(lambda: list(project.glob("runs/tiny/.work/pretrain-*/log.jsonl")), process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == SHUTDOWN, err
    assert "state saved in runs/tiny/.work/pretrain-" in err
    assert len(err.strip().splitlines()[-1]) < 300
    assert "Traceback" not in err
    assert len(checkpoints(project)) == 1
    said = finish(project)
    assert "continue pretrain" in said
    assert digest(project / WEIGHTS) == straight.digests[WEIGHTS]


def test_a_damaged_checkpoint_is_passed_over(project: Path, straight: Straight) -> None:
    process = start(project)
    wait_for(lambda: len(checkpoints(project)) > 1, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    newest = sorted(project.glob("runs/tiny/.work/pretrain-*/checkpoints/step-*"))[-1]
    weights = newest / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-7] ^= 1
    weights.write_bytes(content)
    said = finish(project)
    assert f"{newest.name}/model.safetensors" in said.replace("\n", "")
    assert digest(project / WEIGHTS) == straight.digests[WEIGHTS]
