import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from encodery.artifact import publishing
from encodery.artifact.disk import fsync_path
from encodery.errors import UserError
from tests.artifact.test_publishing import WHOLE, content, names, save
from tests.faults import CUTS, ERRORS, KILL, KILLED, SHORT, FaultyDisk, PowerCut, run_in_child, scratch


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch() as folder:
        yield folder


def survive(root: Path, at: int, action: str, lasting: bool, old: bytes | None) -> str | None:
    """Save `new` where `old` is, while change `at` goes wrong; what is wrong afterwards, if anything."""
    root.mkdir()
    folder = root / "out"
    if old is not None:
        with FaultyDisk(root):
            save(folder, old)
    saved = False
    with FaultyDisk(root, at=at, action=action, lasting=lasting):
        if action == KILL:
            assert run_in_child(lambda: save(folder, b"new")) == KILLED
        elif action in CUTS:
            with pytest.raises(PowerCut):
                save(folder, b"new")
        else:
            try:
                save(folder, b"new")
                saved = True
            except UserError as error:
                assert os.strerror(ERRORS[action]) in str(error)  # noqa: PT017
    try:
        found = content(folder)
    except UserError as error:
        return f"damaged: {error}"
    if found not in ((b"new",) if saved else (old, b"new")):
        return f"holds {found!r}"
    with FaultyDisk(root):
        save(folder, b"newer")
    return None if content(folder) == b"newer" and names(root) == WHOLE else f"left {names(root)}"


def changes(root: Path, old: bytes | None) -> list[str]:
    """Everything that saving `new` does to the disk."""
    root.mkdir()
    with FaultyDisk(root):
        if old is not None:
            save(root / "out", old)
    with FaultyDisk(root) as disk:
        save(root / "out", b"new")
    return disk.log


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize(
    ("action", "lasting"),
    [("ENOSPC", False), ("EIO", False), *((action, True) for action in ERRORS)]
    + [(action, False) for action in (SHORT, KILL, *CUTS)],
)
def test_every_fault_leaves_the_old_or_the_new(root: Path, action: str, lasting: bool, old: bytes | None) -> None:
    steps = changes(root / "clean", old)
    assert len(steps) == (23 if old else 17)
    for at, step in enumerate(steps):
        assert survive(root / f"{at}", at, action, lasting, old) is None, step


def test_nothing_reaches_the_disk_unseen(root: Path) -> None:
    written = {step.split(" ")[1] for step in changes(root / "clean", None)}
    temporary = f".out.{os.getpid()}.encodery-new"
    assert {f"{temporary}{name.removeprefix('out')}" for name in WHOLE} <= written


@pytest.mark.parametrize(
    ("forgotten", "loss"), [("file", CUTS[0]), ("inner folder", CUTS[2]), ("outer folder", CUTS[3])]
)
def test_a_forgotten_fsync_would_be_found(
    root: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str, loss: str
) -> None:
    def forgetful(path: Path) -> None:
        kind = "file" if path.is_file() else "inner folder" if ".out." in str(path) else "outer folder"
        if kind != forgotten:
            fsync_path(path)

    steps = changes(root / "clean", b"old")
    assert not any(survive(root / f"{at}", at, loss, False, b"old") for at in range(len(steps)))
    monkeypatch.setattr(publishing, "fsync_path", forgetful)
    steps = changes(root / "forgetful", b"old")
    assert any(survive(root / f"forgetful{at}", at, loss, False, b"old") for at in range(len(steps)))
