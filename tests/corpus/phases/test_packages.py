"""Which packages make the documents."""

import errno
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from encodery.corpus.launch import finished_tasks
from encodery.corpus.phases import packages
from encodery.corpus.phases.packages import FILE
from encodery.errors import UserError
from tests.corpus.phases.conftest import HERE, Crawl


def edited(folder: Path, **changes: str | None) -> None:
    """The packages that a folder was begun with, changed."""
    path = folder / "packages.json"
    found: dict[str, Any] = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in found.items() if value is not None}))


def test_a_run_is_continued_with_the_packages_that_it_was_begun_with(crawl: Crawl, tmp_path: Path) -> None:
    next(iter(finished_tasks(next(crawl.cleaning(tmp_path).phases()), HERE)))
    begun = json.loads((tmp_path / "packages.json").read_text())
    assert begun["numpy"] == version("numpy")
    assert {"encodery", "xxhash", "resiliparse"} <= begun.keys()
    edited(tmp_path, numpy="1.2.3")
    with pytest.raises(UserError) as refused:
        crawl.run(tmp_path)
    others = f"numpy 1.2.3, here {version('numpy')}"
    assert str(refused.value) == (
        f"{tmp_path}: it was begun with other packages ({others}), and the corpus would be a mixture; "
        "install those again, or remove this folder to begin anew"
    )
    edited(tmp_path, numpy=begun["numpy"], trafilatura="1.0" if "trafilatura" not in begun else None, xxhash=None)
    assert crawl.run(tmp_path)["write"] == 1, "what only one of them has may be needed by none"


def test_a_worker_with_other_packages_does_nothing(
    crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = next(crawl.cleaning(tmp_path).phases())
    other = {**packages.versions(), "ftfy": "9.9"}
    monkeypatch.setattr(packages, "versions", lambda: other)
    says = r"says: a worker has other packages than the run was begun with \(ftfy \S+, here 9\.9\);"
    with pytest.raises(UserError, match=f"extract: 4 of 4 tasks failed .* {says}"):
        list(finished_tasks(phase, HERE))
    assert not list(tmp_path.glob("extract/*"))


def test_the_note_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def half(path: Path, content: bytes) -> None:
        path.write_bytes(content[:7])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def note(name: str, real: Callable[..., None]) -> None:
        def noted(path: Path, *rest: object) -> None:
            order.append(f"{name} {'folder' if path.is_dir() else 'note' if path.name == FILE else 'other'}")
            real(path, *rest)

        monkeypatch.setattr(packages, name, noted)

    with monkeypatch.context() as full:
        full.setattr(packages, "write_bytes", half)
        with pytest.raises(UserError, match=r"cannot save .*packages\.json: No space left on device"):
            packages.begun_with(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    for name in ("write_bytes", "fsync_path", "rename"):
        note(name, getattr(packages, name))
    found = packages.begun_with(tmp_path / "new")
    assert order == ["write_bytes other", "fsync_path other", "rename other", "fsync_path folder"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE]
    assert packages.begun_with(tmp_path / "new") == found


@pytest.mark.parametrize(
    ("content", "says"), [("", "not valid JSON"), ('{"numpy": "1', "not valid JSON"), ("[]", "holds a list")]
)
def test_a_note_that_is_broken(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=rf"packages\.json: {says}"):
        packages.begun_with(tmp_path)


def test_a_folder_that_was_begun_without_a_note(crawl: Crawl, tmp_path: Path) -> None:
    next(iter(finished_tasks(next(crawl.cleaning(tmp_path).phases()), HERE)))
    (tmp_path / FILE).unlink()
    with pytest.raises(UserError) as refused:
        crawl.run(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: it was begun without a note of its packages (packages.json), as before Encodery wrote one, and "
        "the corpus could be a mixture; remove this folder to begin anew"
    )
    assert not (tmp_path / FILE).exists()
