import errno
import os
import shutil
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from encodery import __version__
from encodery.artifact import MANIFEST, discard, publish, read_manifest, verify
from encodery.artifact.disk import write_bytes
from encodery.errors import UserError
from tests.faults import FaultyDisk

ABOUT = {"stage": "tokenizer", "key": "k1"}


def save(folder: Path, content: bytes, **options: Any) -> None:
    """A small artifact with a file in a folder of its own."""
    with publish(folder, {**ABOUT, "key": content.decode()}, **options) as temporary:
        write_bytes(temporary / "vocab.txt", content)
        (temporary / "shards").mkdir()
        write_bytes(temporary / "shards" / "0.bin", content * 3)


def content(folder: Path) -> bytes | None:
    """What `save` saved there, verified; None where there is nothing."""
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    verify(folder)
    text = (folder / "vocab.txt").read_bytes()
    assert (folder / "shards" / "0.bin").read_bytes() == text * 3
    assert manifest.key == text.decode()
    return text


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


WHOLE = ["out", "out/manifest.json", "out/shards", "out/shards/0.bin", "out/vocab.txt"]


def test_publish_writes_files_and_manifest(tmp_path: Path) -> None:
    about: dict[str, Any] = {**ABOUT, "parents": {"corpus": "c"}, "config": {"vocab_size": 7}, "metrics": {}}
    with publish(tmp_path / "deep" / "er" / "out", about) as temporary:
        assert not (tmp_path / "deep" / "er" / "out").exists()
        (temporary / "a.bin").write_bytes(b"hello")
        about["metrics"]["tokens"] = 11
    manifest = verify(tmp_path / "deep" / "er" / "out")
    assert manifest.model_dump(include={"stage", "key", "parents", "config", "metrics", "files"}) == {
        **about,
        "files": {"a.bin": {"sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "size": 5}},
    }
    assert manifest.versions["encodery"] == __version__
    assert manifest.versions["torch"] == torch.__version__
    assert manifest.created.endswith("+00:00")
    assert names(tmp_path / "deep" / "er") == ["out", "out/a.bin", "out/manifest.json"]


@settings(max_examples=40)
@given(files=st.dictionaries(st.text("abc./-ü", min_size=1, max_size=7), st.binary(max_size=13), max_size=5))
def test_any_files_come_back(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("any")
    files = {name: body for name, body in files.items() if not {"", ".", ".."} & set(name.split("/"))}
    files = {name: body for name, body in files.items() if not any(o.startswith(f"{name}/") for o in files)}
    with FaultyDisk(folder), publish(folder / "out", ABOUT) as temporary:
        for name, body in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            write_bytes(temporary / name, body)
    assert {name: record.size for name, record in verify(folder / "out").files.items()} == {
        name: len(body) for name, body in files.items()
    }
    assert all((folder / "out" / name).read_bytes() == body for name, body in files.items())


def test_a_wrong_field_is_found_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stag\n"), publish(tmp_path / "out", {"stag": "x", "key": "k"}):
        pytest.fail("the block ran")
    assert names(tmp_path) == []


def test_an_error_inside_removes_everything(tmp_path: Path) -> None:
    save(tmp_path / "out", b"old")
    with pytest.raises(ZeroDivisionError), publish(tmp_path / "out", ABOUT) as temporary:
        write_bytes(temporary / "vocab.txt", b"%d" % (1 // 0))
    assert names(tmp_path) == WHOLE
    assert content(tmp_path / "out") == b"old"


def test_replaces_an_artifact(tmp_path: Path) -> None:
    save(tmp_path / "out", b"old")
    save(tmp_path / "out", b"new")
    assert content(tmp_path / "out") == b"new"
    assert names(tmp_path) == WHOLE


def test_does_not_replace_unless_told(tmp_path: Path) -> None:
    save(tmp_path / "out", b"old")
    with pytest.raises(UserError) as caught:
        save(tmp_path / "out", b"new", replace=False)
    assert str(caught.value) == f"{tmp_path}/out: exists already; choose another folder or remove it"
    assert content(tmp_path / "out") == b"old"


@pytest.mark.parametrize("replace", [True, False])
def test_never_replaces_what_is_no_artifact(tmp_path: Path, replace: bool) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("four years")
    with pytest.raises(UserError) as caught:
        save(tmp_path / "thesis", b"new", replace=replace)
    assert str(caught.value) == (
        f"{tmp_path}/thesis: exists and is no artifact (no manifest.json); choose another folder or remove it"
    )
    assert names(tmp_path) == ["thesis", "thesis/chapter1.tex"]


def test_never_replaces_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("text")
    with pytest.raises(UserError, match="exists and is no artifact"):
        save(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_text() == "text"


def test_uses_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    save(tmp_path / "out", b"new", replace=False)
    assert content(tmp_path / "out") == b"new"


def test_a_link_to_another_disk_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "big")
    save(tmp_path / "out", b"new")
    assert (tmp_path / "out").is_symlink()
    assert content(tmp_path / "big") == b"new"


def test_files_are_for_whoever_may_read_the_folder(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with publish(tmp_path / "out", ABOUT) as temporary:
            save_file({"a": torch.ones(3)}, temporary / "a.safetensors")  # creates it for its owner only
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out" / "a.safetensors").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "out" / MANIFEST).stat().st_mode) == 0o640


def test_a_link_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.bin: not a regular file"), publish(tmp_path / "out", ABOUT) as temporary:
        (temporary / "a.bin").symlink_to("/etc/hostname")
    assert names(tmp_path) == []


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(UserError) as caught:
        save(tmp_path / "notes.txt" / "out", b"new")
    assert str(caught.value) == (
        f"cannot save {tmp_path}/notes.txt/out: Not a directory; choose another folder; "
        "what was saved earlier is intact"
    )


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "/data/corpus.txt"),
        PermissionError(errno.EACCES, "Permission denied", "/data/corpus.txt"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        socket.gaierror(-2, "Name or service not known"),
    ],
)
def test_errors_of_something_else_pass_through(tmp_path: Path, error: OSError) -> None:
    with pytest.raises(type(error)) as caught, publish(tmp_path / "out", ABOUT):
        raise error
    assert caught.value is error
    assert names(tmp_path) == []


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1234))
    disk = FaultyDisk(tmp_path, at=3, action="ENOSPC")
    with disk, pytest.raises(UserError) as caught:
        save(tmp_path / "out", b"new", size=5678)
    assert str(caught.value) == (
        f"cannot save {tmp_path}/out: No space left on device (1,234 bytes free, 5,678 needed); "
        "free some space or choose another folder; what was saved earlier is intact"
    )


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("EROFS", "Read-only file system; make it writable or choose another folder"),
        ("EACCES", "Permission denied; change the permissions or choose another folder"),
        ("EIO", "Input/output error; check the disk or choose another folder"),
    ],
)
def test_a_failing_disk_is_explained(tmp_path: Path, action: str, message: str) -> None:
    with FaultyDisk(tmp_path, at=0, action=action, lasting=True), pytest.raises(UserError) as caught:
        save(tmp_path / "out", b"new")
    assert str(caught.value) == f"cannot save {tmp_path}/out: {message}; what was saved earlier is intact"


def test_discard(tmp_path: Path) -> None:
    save(tmp_path / "out", b"old")
    discard(tmp_path / "out")
    assert names(tmp_path) == []
    with pytest.raises(UserError, match=f"^cannot remove {tmp_path}/out: No such file or directory; "):
        discard(tmp_path / "out")
