import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from encodery.artifact import publish, read_manifest, recover, verify
from encodery.artifact.recovery import NEW, OLD, sibling
from encodery.errors import UserError
from tests.faults import FaultyDisk, run_in_child

DEAD = 2**22 + 1  # beyond the largest process number of Linux


def save(folder: Path, key: str) -> None:
    with publish(folder, {"stage": "corpus", "key": key}) as temporary:
        (temporary / "text.txt").write_text(key)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def leave(parent: Path, name: str, kind: str, pid: int = DEAD) -> Path:
    """A complete artifact under the hidden name that a process gave it."""
    save(parent / "made", f"{name} {kind}")
    hidden = parent / f".{name}.{pid}.{kind}"
    (parent / "made").rename(hidden)
    return hidden


@pytest.fixture
def other_pid() -> int:
    """A living process that is not this one."""
    return os.getppid()


def test_the_hidden_name() -> None:
    assert sibling(Path("run/pretrain"), NEW) == Path(f"run/.pretrain.{os.getpid()}.encodery-new")


def test_reading_puts_back_what_was_moved_aside(tmp_path: Path) -> None:
    leave(tmp_path, "out", OLD)
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    assert manifest.key == "out encodery-old"
    assert names(tmp_path) == ["out"]


def test_verifying_puts_back_what_was_moved_aside(tmp_path: Path) -> None:
    leave(tmp_path, "out", OLD)
    assert verify(tmp_path / "out").key == "out encodery-old"


def test_reading_leaves_the_new_one_in_its_place(tmp_path: Path) -> None:
    leave(tmp_path, "out", OLD)
    save(tmp_path / "elsewhere", "new")
    (tmp_path / "elsewhere").rename(tmp_path / "out")
    assert verify(tmp_path / "out").key == "new"


def test_the_next_publish_removes_what_was_left(tmp_path: Path) -> None:
    leave(tmp_path, "out", OLD)
    leave(tmp_path, "out", NEW)
    leave(tmp_path, "out", NEW, pid=DEAD + 2)
    save(tmp_path / "out", "new")
    assert names(tmp_path) == ["out"]
    assert verify(tmp_path / "out").key == "new"


def test_only_the_own_pattern_is_touched(tmp_path: Path) -> None:
    kept = [".out", ".out.123.tmp", f".out.x.{NEW}", f".out.{NEW}", f"out.{DEAD}.{NEW}", f".out.{DEAD}.{NEW}.bak"]
    kept += [f".outer.{DEAD}.{NEW}", f".o*t.{DEAD}.{NEW}"]
    for name in kept:
        (tmp_path / name).mkdir()
    save(tmp_path / "out", "new")
    assert names(tmp_path) == sorted([*kept, "out"])


def test_recover_looks_after_a_whole_folder(tmp_path: Path) -> None:
    leave(tmp_path, "one", OLD)
    leave(tmp_path, "two", NEW)
    (tmp_path / f".three.{DEAD}.{NEW}").write_text("a file, not a folder")
    recover(tmp_path)
    assert names(tmp_path) == ["one"]


def test_recover_removes_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / f".out.{DEAD}.{NEW}").symlink_to(tmp_path / "precious")
    recover(tmp_path / "run")
    assert names(tmp_path / "run") == []
    assert (tmp_path / "precious").is_dir()


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path, other_pid: int) -> None:
    working = leave(tmp_path, "out", NEW, pid=other_pid)
    waiting = leave(tmp_path, "out", OLD, pid=other_pid)
    assert read_manifest(tmp_path / "out") is None
    save(tmp_path / "out", "new")
    assert names(tmp_path) == sorted([working.name, waiting.name, "out"])


def test_our_own_number_was_a_dead_ones(tmp_path: Path) -> None:
    leave(tmp_path, "out", NEW, pid=os.getpid())
    leave(tmp_path, "out", OLD, pid=os.getpid())
    assert verify(tmp_path / "out").key == "out encodery-old"
    save(tmp_path / "out", "new")
    assert names(tmp_path) == ["out"]


def test_an_absurd_number_is_no_process(tmp_path: Path) -> None:
    leave(tmp_path, "out", NEW, pid=10**30)
    recover(tmp_path)
    assert names(tmp_path) == []


def test_a_read_only_disk_is_explained(tmp_path: Path) -> None:
    leave(tmp_path, "out", OLD)
    with FaultyDisk(tmp_path, at=0, action="EROFS", lasting=True):
        with pytest.raises(UserError) as reading:
            read_manifest(tmp_path / "out")
        with pytest.raises(UserError) as tidying:
            recover(tmp_path)
    assert str(reading.value) == f"cannot read {tmp_path}/out: Read-only file system; make it writable"
    assert str(tidying.value) == f"cannot tidy up {tmp_path}: Read-only file system; make it writable"


def test_a_process_killed_inside_the_block(tmp_path: Path) -> None:
    save(tmp_path / "out", "old")

    def die() -> None:
        with publish(tmp_path / "out", {"stage": "corpus", "key": "new"}) as temporary:
            (temporary / "text.txt").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)

    for _ in range(3):
        assert run_in_child(die) == -signal.SIGKILL
        assert verify(tmp_path / "out").key == "old"
        assert len(names(tmp_path)) == 2  # junk does not grow
    save(tmp_path / "out", "new")
    assert names(tmp_path) == ["out"]


def test_the_layer_is_light() -> None:
    """The command line reads artifacts: torch must not be imported for that."""
    code = "import encodery.artifact, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
