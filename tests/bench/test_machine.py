"""What is read about the machine, from files we write ourselves."""

import os
import re
from pathlib import Path

import pytest

import encodery
from encodery.bench import machine
from encodery.bench.machine import OthersWatch, busy_ticks, commit, family_of, hardware, process_ticks, versions

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_line(user: int, idle: int = 0) -> str:
    return f"cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"


def process_line(pid: int, user: int) -> str:
    return f"{pid} (a (bad) name) S 1 1 1 0 -1 4194304 100 0 0 0 {user} 0 0 0 20 0 1 0 100\n"


def test_busy_ticks_leave_out_idle_and_waiting() -> None:
    assert busy_ticks("cpu  2 3 5 7 11 13 17 19 23 29\ncpu0 99 99 99 99\n") == 2 + 3 + 5 + 13 + 17 + 19


def test_process_ticks_count_waited_children_and_survive_odd_names() -> None:
    assert process_ticks("42 (tmux: (1) 7) S 1 42 42 0 -1 4194560 1 2 3 4 101 103 107 109 20 0 1 0 5\n") == 420


def test_others_are_all_but_the_named_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 12.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    (tmp_path / "7").mkdir()
    (tmp_path / "stat").write_text(cpu_line(1000))
    (tmp_path / "7" / "stat").write_text(process_line(7, 100))
    with OthersWatch([7, 11], tmp_path) as others:  # 11 has ended, or never was
        (tmp_path / "stat").write_text(cpu_line(1000 + 5 * TICKS, idle=999))
        (tmp_path / "7" / "stat").write_text(process_line(7, 100 + 2 * TICKS))
    assert others.seconds == 2.0
    assert others.cores == pytest.approx(1.5)


def test_without_proc_nobody_is_seen(tmp_path: Path) -> None:
    with OthersWatch([os.getpid()], tmp_path / "nothing") as others:
        pass
    assert others.cores == 0.0


def test_versions_name_what_is_installed() -> None:
    found = versions(["torch", "no-such-package-here"])
    assert found["encodery"] == encodery.__version__
    assert re.fullmatch(r"3\.\d+\.\d+", found["python"])
    assert re.match(r"2\.\d+", found["torch"])
    assert "no-such-package-here" not in found


def test_hardware_names_cores() -> None:
    assert re.search(r", \d+ cores", hardware("cpu"))


def test_commit_is_a_hash_or_unknown() -> None:
    found = commit()
    assert found is None or re.fullmatch(r"[0-9a-f]{12}(-dirty)?", found)


@pytest.mark.parametrize(
    ("status", "expected"), [("", "0123456789ab"), (" M a.py", "0123456789ab-dirty")], ids=["clean", "changed"]
)
def test_commit_says_when_there_are_changes(monkeypatch: pytest.MonkeyPatch, status: str, expected: str) -> None:
    answers = {"ls-files": "machine.py", "rev-parse": "0123456789ab", "status": status}
    monkeypatch.setattr(machine, "_git", lambda folder, verb, *rest: answers[verb])
    assert commit() == expected


def test_no_commit_outside_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_git", lambda *_: None)
    assert commit() is None


def test_a_family_is_all_that_was_started(tmp_path: Path) -> None:
    for pid, parent in ((7, 1), (11, 7), (13, 11), (17, 1), (19, 7)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (b) c) S {parent} 0 0")
    assert family_of(7, tmp_path) == [7, 11, 19, 13]
    assert family_of(17, tmp_path) == [17]
    assert family_of(23, tmp_path / "none") == [23]
