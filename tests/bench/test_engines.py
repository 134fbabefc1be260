"""Worker processes: a small script that speaks as they do, ones that die, and a real one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from encodery.bench.engines import Worker, start
from encodery.bench.jobs import Job
from encodery.bench.text import Text, write_workload
from encodery.errors import UserError

SPEAKER = """
import json, os, sys
print(json.dumps({"parameters": 1009}), flush=True)
for line in sys.stdin:
    steps = json.loads(line)["steps"]
    print(json.dumps({"seconds": steps * 0.5, "tokens": steps * 7, "peak_bytes": 31}), flush=True)
open(sys.argv[1], "w").write(os.environ["HF_HUB_OFFLINE"] + os.environ["CUDA_VISIBLE_DEVICES"])
"""
LOUD_DEATH = "import sys; sys.stderr.write('first words\\nRuntimeError: last words\\n'); sys.exit(3)"
KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
DIES_WHEN_ORDERED = "print('{\"parameters\": 2}', flush=True); input(); raise SystemExit(5)"


def worker(tmp_path: Path, script: str, *arguments: str) -> Worker:
    return Worker("a peer", (sys.executable, "-c", script, *arguments), tmp_path / "stderr.txt")


def test_orders_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    with worker(tmp_path, SPEAKER, str(tmp_path / "end")) as engine:
        assert engine.parameters == 1009
        blocks = [engine.run(steps) for steps in (3, 1)]
    assert [(b.seconds, b.tokens, b.peak_bytes) for b in blocks] == [(1.5, 21, 31), (0.5, 7, 31)]
    assert all(block.others_cores >= 0.0 for block in blocks)
    assert (tmp_path / "end").read_text() == "15"  # it ended of itself, offline, with one GPU at most


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (LOUD_DEATH, "bench: the process of a peer ended with code 3: RuntimeError: last words"),
        (
            KILLED,
            "bench: the process of a peer ended with code -9: it was killed, most likely because memory ran out: "
            "leave cases out with --case",
        ),
        (DIES_WHEN_ORDERED, "bench: the process of a peer ended with code 5: it said nothing"),
    ],
    ids=["says why", "killed", "silent"],
)
def test_a_dead_worker_is_one_line(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(UserError) as raised, worker(tmp_path, script) as engine:
        engine.run(1)
    assert str(raised.value) == message


def test_a_worker_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encodery.bench.engines._END_SECONDS", 0.1)
    script = "import time; print('{\"parameters\": 2}', flush=True); time.sleep(600)"
    with worker(tmp_path, script) as engine:
        process = engine._process
    assert process.returncode == -9


def test_a_real_worker_makes_batches(tmp_path: Path) -> None:
    text = Text.make(1501)
    write_workload(text, tmp_path)
    job = Job(engine="encodery", work="collate", layout="packed", sequences_per_batch=8)
    with start(job, tmp_path, tmp_path / "work") as engine:
        block = engine.run(5)
    assert engine.parameters == 0
    assert block.tokens == pytest.approx(5 * 1024, rel=0.1)
    assert block.peak_bytes > 10**7
    assert block.seconds > 0


def test_prints_of_a_library_do_not_reach_the_reports(tmp_path: Path) -> None:
    script = (
        "import sys; from encodery.bench import worker\n"
        "def run(job, folder, work, orders, report):\n"
        "    print('chatter'); report(next(orders))\n"
        "worker.run = run; worker.main(sys.argv[1:])"
    )
    job = Job(engine="encodery", layout="packed", sequences_per_batch=1).model_dump_json()
    command = [sys.executable, "-c", script, job, str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, input='{"steps": 7}\n', capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"steps": 7}
    assert done.stderr == "chatter\n"
