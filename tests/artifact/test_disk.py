import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from encodery.artifact.disk import explained, make_folder, regular_size, remove, rename, sha256, write_bytes
from encodery.errors import UserError
from tests.faults import SHORT, FaultyDisk, scratch


def full(path: str | None = None) -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", path)


@settings(max_examples=40)
@given(content=st.binary(max_size=97), at=st.integers(0, 3))
def test_short_writes_are_completed(content: bytes, at: int) -> None:
    with scratch() as folder:
        with FaultyDisk(folder, at=at, action=SHORT, lasting=True) as disk:
            write_bytes(folder / "a", content)
        assert (folder / "a").read_bytes() == content
        assert disk.log[:1] == ["open a"]
        assert len(disk.log) <= 1 + at + 7 + 1  # from there on halves of halves of 97


def test_a_shorter_content_replaces_a_longer(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"longer")
    write_bytes(tmp_path / "a", b"short")
    assert (tmp_path / "a").read_bytes() == b"short"


def test_make_folder_makes_every_entry_durable(tmp_path: Path) -> None:
    with FaultyDisk(tmp_path) as disk:
        make_folder(tmp_path / "a" / "b")
        make_folder(tmp_path / "a" / "b")
    assert disk.log == ["mkdir a", "fsync .", "mkdir a/b", "fsync a"]


def test_rename_and_remove(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    write_bytes(tmp_path / "a" / "b" / "file", b"x")
    rename(tmp_path / "a", tmp_path / "c")
    assert regular_size(tmp_path / "c" / "b" / "file") == 1
    remove(tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_sha256(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"")
    assert sha256(tmp_path / "a") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_only_regular_files_have_a_size(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    make = {"folder": Path.mkdir, "link": lambda p: p.symlink_to("/etc/hostname"), "pipe": os.mkfifo}
    make[kind](path)
    with pytest.raises(UserError, match=f"^{path}: not a regular file, which is all an artifact may hold; "):
        regular_size(path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_space_is_told(tmp_path: Path, number: int) -> None:
    with pytest.raises(UserError) as caught, explained("save", tmp_path / "no" / "such" / "out", 7_654_321):
        raise OSError(number, os.strerror(number))
    assert str(caught.value).startswith(f"cannot save {tmp_path}/no/such/out: {os.strerror(number)} (")
    assert " bytes free, 7,654,321 needed); free some space or choose another folder; " in str(caught.value)


def test_space_needed_is_told_only_where_known(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match=r"device \([\d,]+ bytes free\); free some"),
        explained("save", tmp_path / "out"),
    ):
        raise full()


@pytest.mark.parametrize("below", ["", "/a.bin", "/../.out.7.encodery-new", "/../.out.7.encodery-new/a/b", "/.."])
def test_errors_about_the_folder_are_explained(tmp_path: Path, below: str) -> None:
    culprit = os.path.normpath(f"{tmp_path}/out{below}")
    with pytest.raises(UserError, match=f"^cannot save {tmp_path}/out: "), explained("save", tmp_path / "out"):
        raise full(culprit)


@pytest.mark.parametrize("culprit", ["/../outer", "/../.outer.7.encodery-new", "/../../elsewhere", "/../in/.out.x"])
def test_errors_about_other_files_are_not(tmp_path: Path, culprit: str) -> None:
    error = full(os.path.normpath(f"{tmp_path}/out{culprit}"))
    with pytest.raises(OSError, match="No space left") as caught, explained("save", tmp_path / "out"):
        raise error
    assert caught.value is error


def test_safetensors_only_quotes_the_number(tmp_path: Path) -> None:
    error = SafetensorError("Error while serializing: I/O error: File too large (os error 27)")
    with pytest.raises(UserError) as caught, explained("save", tmp_path / "out"):
        raise error
    assert caught.value.__cause__ is error
    assert str(caught.value) == (
        f"cannot save {tmp_path}/out: File too large; raise the limit (ulimit -f) or choose another folder; "
        "what was saved earlier is intact"
    )


@pytest.mark.parametrize("error", [SafetensorError("Error while deserializing header"), ValueError("os error 28")])
def test_other_errors_pass_through(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, explained("save", tmp_path / "out"):
        raise error
    assert caught.value is error
