import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from encodery.errors import UserError
from tests.faults import CUTS, ERRORS, KILL, KILLED, SHORT, FaultyDisk, PowerCut, run_in_child, scratch
from tests.train.test_checkpoint import loaded, names, save


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch() as folder:
        yield folder


def prepare(folder: Path, scene: str) -> None:
    """What is on the disk before checkpoint 3 is saved."""
    folder.mkdir()
    with FaultyDisk(folder):
        if scene == "again":  # one to be pruned, and one of the same step with what belongs to another
            save(folder, 2)
            save(folder, 3, content_of=1)


def survive(folder: Path, scene: str, at: int, action: str, lasting: bool) -> None:
    """Save checkpoint 3 while change `at` goes wrong: an earlier one or the new one can be loaded, no junk grows."""
    prepare(folder, scene)
    saved = False
    with FaultyDisk(folder, at=at, action=action, lasting=lasting):
        if action == KILL:
            assert run_in_child(lambda: save(folder, 3, keep=1)) == KILLED
        elif action in CUTS:
            with pytest.raises(PowerCut):
                save(folder, 3, keep=1)
        else:
            try:
                save(folder, 3, keep=1)
                saved = True
            except UserError as error:
                assert os.strerror(ERRORS[action]) in str(error)  # noqa: PT017
    before = {"first": None, "again": 1}[scene]
    with FaultyDisk(folder):
        assert loaded(folder) in ((3,) if saved else (before, 3))
        assert all(name.startswith("step-") for name in names(folder))
        save(folder, 5)
    assert loaded(folder) == 5
    assert len(names(folder)) <= 2


STEPS = {"first": 17, "again": 30}


@pytest.mark.parametrize("scene", STEPS)
@pytest.mark.parametrize(
    ("action", "lasting"),
    [("ENOSPC", False), ("EIO", False), *((action, True) for action in ERRORS)]
    + [(action, False) for action in (SHORT, KILL, *CUTS)],
)
def test_every_fault_leaves_a_checkpoint(root: Path, scene: str, action: str, lasting: bool) -> None:
    prepare(root / "clean", scene)
    with FaultyDisk(root / "clean") as disk:
        save(root / "clean", 3, keep=1)
    assert len(disk.log) == STEPS[scene]
    for at in range(len(disk.log)):
        survive(root / f"{at}", scene, at, action, lasting)


def test_a_full_disk_is_explained(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(root, 2)
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=61))
    with FaultyDisk(root, at=1, action="ENOSPC") as disk, pytest.raises(UserError) as caught:
        save(root, 3)
    assert disk.log[1].startswith("serialize_file ")
    assert str(caught.value) == (
        f"cannot save {root}/step-00000003: No space left on device (61 bytes free, 78 needed); "
        "free some space or choose another folder; what was saved earlier is intact"
    )
    assert loaded(root) == 2
