"""Tasks as job arrays, with a `sbatch` that runs the jobs at once on this machine."""

import os
import sys
from pathlib import Path

import pytest

from encodery.corpus.launch import SlurmLaunch, finished_tasks
from encodery.errors import UserError
from tests.conftest import ROOT
from tests.corpus.launch.conftest import MakePhase, all_squares, leave_half, squares

CLUSTER = SlurmLaunch(partition="cpu", qos="", poll_seconds=0.01, max_array_size=3, with_srun=False)
SBATCH = """#!/bin/bash
for script; do :; done
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
cp "$script" "$SUBMITTED/$(ls "$SUBMITTED" | wc -l)"
for argument; do case $argument in --export=ALL,*) export "${argument#--export=ALL,}";; esac; done
export SLURM_NODELIST=here
for task in $(seq 0 "$last"); do SLURM_ARRAY_TASK_ID=$task bash "$script" >> "$SUBMITTED.log" 2>&1; done
echo "Submitted batch job 7"
"""
SCRIPTS = {"sbatch": SBATCH, "squeue": "#!/bin/bash\n", "scontrol": "#!/bin/bash\necho here\n"}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Slurm's commands; gives the folder of the scripts that were submitted."""
    commands, submitted = tmp_path / "bin", tmp_path / "submitted"
    commands.mkdir()
    submitted.mkdir()
    for name, text in SCRIPTS.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SUBMITTED", str(submitted))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'src'}")
    return submitted


def test_tasks_are_jobs_of_arrays(make_phase: MakePhase, cluster: Path) -> None:
    phase = make_phase(2)
    assert sorted(finished_tasks(phase, CLUSTER)) == [0, 1]
    assert squares(phase) == all_squares(2)
    scripts = [path.read_text() for path in cluster.iterdir()]
    assert len(scripts) == 1, "no job that sums statistics follows"
    for line in ("partition=cpu", "array=0-1", "time=12:00:00", "mem-per-cpu=4G", "job-name=work-squares"):
        assert f"#SBATCH --{line}\n" in scripts[0]
    assert list(finished_tasks(phase, CLUSTER)) == []
    assert len(list(cluster.iterdir())) == 1, "nothing is submitted where nothing is left to do"


def test_what_killed_jobs_left_is_removed(make_phase: MakePhase, cluster: Path) -> None:
    phase = make_phase(1)
    leave_half(phase)
    for _ in finished_tasks(phase, CLUSTER):
        assert squares(phase) == all_squares(1)
        leave_half(phase)
    assert squares(phase) == all_squares(1)


def test_jobs_of_a_launcher_that_was_killed_are_waited_for(
    make_phase: MakePhase, cluster: Path, tmp_path: Path
) -> None:
    """Submitted again, two jobs would do each task at once."""
    phase = make_phase(1)
    left = leave_half(phase)
    done = phase.state / "completions"
    (tmp_path / "bin" / "squeue").write_text(
        f"#!/bin/bash\nmkdir -p {done}; touch {done}/00000; ls -a {left.parent} > {tmp_path}/seen; echo 7\n"
    )
    assert list(finished_tasks(phase, CLUSTER)) == [0]
    assert list(cluster.iterdir()) == []
    assert left.name in (tmp_path / "seen").read_text().split(), "while jobs may be at work their folders stay"
    assert not left.exists()


def test_jobs_that_ended_without_finishing_are_named(make_phase: MakePhase, cluster: Path) -> None:
    phase = make_phase(2, fails=(1,))
    leave_half(phase)
    done: list[int] = []
    with pytest.raises(UserError) as refused:
        done.extend(finished_tasks(phase, CLUSTER))
    assert done == [0]
    assert str(refused.value).startswith(
        "squares: 1 of 2 tasks failed (1); the first one says: its job ended without finishing it; logs are in "
    )


def test_without_slurm_it_says_where_to_run(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError) as refused:
        list(finished_tasks(make_phase(2), CLUSTER))
    assert str(refused.value) == ("corpus.clean.launch: no sbatch here; run this on a machine that submits to Slurm")


def test_a_refused_job_is_told(make_phase: MakePhase, cluster: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/bash\nexit 3\n")
    with pytest.raises(UserError, match=r"sbatch refused the job of squares .*exit status 3"):
        list(finished_tasks(make_phase(2), CLUSTER))
