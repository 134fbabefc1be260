"""`kill -9` at any moment, then the same command: the same final bits."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import write_project

KILLS = 10
SHUTDOWN = 75
WEIGHTS = "runs/tiny/pretrain/model.safetensors"
TASK_WEIGHTS = "runs/tiny/finetune/mood/3/model.safetensors"
COMMAND = [sys.executable, "-m", "encodery", "run", "tiny.toml", "--set", "finetune.mood.seeds=[3]"]

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


def start(project: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(project: Path, *arguments: str) -> str:
    process = start(project, *arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out + err


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checkpoints(project: Path) -> list[str]:
    return sorted(path.name for path in project.glob("runs/tiny/.work/*/checkpoints/step-*"))


def wait_for(condition: object, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of the weights of an uninterrupted run of the same project."""
    folder = tmp_path_factory.mktemp("reference")
    write_project(folder)
    finish(folder)
    return {name: digest(folder / name) for name in (WEIGHTS, TASK_WEIGHTS)}


def test_killed_at_random_instants(project: Path, reference: dict[str, str]) -> None:
    """Nine random instants and one inside a save, all in one run that is started again each time."""
    inside = subprocess.run(
        [sys.executable, "-c", KILL_INSIDE_A_SAVE, *COMMAND[3:]],
        cwd=project,
        env=environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert inside.returncode == -signal.SIGKILL, inside.stderr
    assert checkpoints(project) == ["step-00000003"]
    draw = random.Random(13)
    kills = 1
    while kills < KILLS:
        process = start(project)
        # from the import of torch through text, training and saving: the range covers a whole run
        time.sleep(draw.uniform(1.0, 6.0))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
            process.communicate()
            continue
        process.communicate()
        # done already: take the result away and be killed in the making of it again
        for stage in ("pretrain", "finetune"):
            subprocess.run(["rm", "-rf", str(project / "runs" / "tiny" / stage)], check=True)
    finish(project)
    assert {name: digest(project / name) for name in (WEIGHTS, TASK_WEIGHTS)} == reference


def test_sigterm_saves_and_the_same_command_continues(project: Path, reference: dict[str, str]) -> None:
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
    assert digest(project / WEIGHTS) == reference[WEIGHTS]


def test_a_damaged_checkpoint_is_passed_over(project: Path, reference: dict[str, str]) -> None:
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
    assert digest(project / WEIGHTS) == reference[WEIGHTS]
