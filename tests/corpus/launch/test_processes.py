"""Processes that take tasks: killed ones, failing ones, and a parent that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from encodery.corpus.launch import LocalLaunch, Phase, finished_tasks
from encodery.errors import UserError
from tests.conftest import ROOT
from tests.corpus.launch.conftest import MakePhase, all_squares, squares
from tests.corpus.launch.works import Square

TWO = LocalLaunch(workers=2, max_retries=2)


def tries(phase: Phase, task: int) -> int:
    assert isinstance(phase.work, Square)
    return phase.work.tries(task)


def test_tasks_are_done_by_so_many_processes(make_phase: MakePhase, tmp_path: Path) -> None:
    phase = make_phase(5, seconds=0.05)
    assert sorted(finished_tasks(phase, TWO)) == [0, 1, 2, 3, 4]
    assert squares(phase) == all_squares()
    pids = {(tmp_path / "log" / f"{task}").read_text() for task in range(5)}
    assert len(pids) == 2
    assert f"{os.getpid()}\n" not in pids
    assert list(finished_tasks(phase, TWO)) == []


def test_a_killed_task_is_tried_again_and_takes_nothing_with_it(make_phase: MakePhase) -> None:
    phase = make_phase(4, dies={1: 2, 3: 1})
    assert sorted(finished_tasks(phase, TWO)) == [0, 1, 2, 3]
    assert squares(phase) == all_squares(4)
    assert [tries(phase, task) for task in range(4)] == [1, 3, 1, 2]


def test_a_task_that_is_killed_each_time_is_named_when_the_others_are_done(make_phase: MakePhase) -> None:
    phase = make_phase(4, dies={1: 99}, fails=(2,))
    done: list[int] = []
    with pytest.raises(UserError) as refused:
        done.extend(finished_tasks(phase, TWO))
    assert sorted(done) == [0, 3]
    assert str(refused.value).startswith(
        "squares: 2 of 4 tasks failed (1, 2); the first one says: its process was killed (exit code -9); logs are in "
    )
    assert [tries(phase, task) for task in (1, 2)] == [3, 1]
    assert sorted(finished_tasks(make_phase(4), TWO)) == [1, 2]
    assert squares(phase) == all_squares(4)


def test_an_interrupt_is_the_parents_affair(make_phase: MakePhase) -> None:
    """Ctrl-C reaches all processes; each would say so with a traceback."""
    phase = make_phase(3, interrupted=(0, 1, 2))
    assert sorted(finished_tasks(phase, TWO)) == [0, 1, 2]
    assert [tries(phase, task) for task in range(3)] == [1, 1, 1]


def test_a_full_disk_ends_the_phase(make_phase: MakePhase) -> None:
    phase = make_phase(30, full=(0, 1))
    with pytest.raises(UserError, match=r"No space left on device .* the same command continues where this stopped"):
        list(finished_tasks(phase, TWO))
    assert sum(tries(phase, task) for task in range(30)) < 30
    assert sorted(finished_tasks(make_phase(30), LocalLaunch(workers=1)))[:2] == [0, 1]
    assert squares(phase) == all_squares(30)


def test_who_stops_listening_leaves_no_process(make_phase: MakePhase, tmp_path: Path) -> None:
    finished = finished_tasks(make_phase(4, seconds=0.1), TWO)
    next(iter(finished))
    finished.close()  # type: ignore[attr-defined]  # it is a generator
    assert not alive(tmp_path / "log")


@pytest.mark.slow
def test_with_the_parent_killed_its_tasks_end(tmp_path: Path, make_phase: MakePhase) -> None:
    phase = make_phase(2, seconds=30.0)
    code = (
        "from pathlib import Path\n"
        "from encodery.corpus.launch import LocalLaunch, Phase, finished_tasks\n"
        "from tests.corpus.launch.works import Square\n"
        f"work = Square(Path({str(tmp_path / 'log')!r}), seconds=30.0)\n"
        f"phase = Phase('squares', 2, work, Path({str(phase.folder)!r}))\n"
        "if __name__ == '__main__': list(finished_tasks(phase, LocalLaunch(workers=2)))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    log = tmp_path / "log"
    while len(alive(log)) < 2:
        time.sleep(0.02)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while alive(log):
        time.sleep(0.02)  # ends, or the test's own time is up
    assert sorted(finished_tasks(make_phase(2), LocalLaunch(workers=1))) == [0, 1]
    assert squares(phase) == all_squares(2)


def alive(log: Path) -> list[int]:
    """Processes that began a task and are still there."""
    pids = [int(pid) for path in log.iterdir() for pid in path.read_text().split()]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]
