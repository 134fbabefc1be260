import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from encodery.artifact import MANIFEST, Manifest, canonical_json, publish, read_manifest, reading, verify
from encodery.artifact.disk import RESTORE
from encodery.errors import UserError
from tests.faults import FaultyDisk

ABOUT = {"stage": "pretrain", "key": "k"}
WEIGHTS = random.Random(7).randbytes(4099)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with FaultyDisk(tmp_path), publish(tmp_path / "out", ABOUT) as temporary:
        (temporary / "model.bin").write_bytes(WEIGHTS)
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_bytes(b"a")
    return tmp_path / "out"


def message(folder: Path) -> str:
    """What `verify` says; it must be one line."""
    with pytest.raises(UserError) as caught:
        verify(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def reseal(folder: Path, **changes: Any) -> None:
    """Change the manifest as an attacker would, its own hash made to fit."""
    values = json.loads((folder / MANIFEST).read_bytes())
    del values["sha256"]
    values.update(changes)
    values["sha256"] = hashlib.sha256(canonical_json(values)).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(values))


def test_an_intact_artifact(folder: Path) -> None:
    manifest = verify(folder)
    assert manifest == read_manifest(folder)
    assert isinstance(manifest, Manifest)
    assert sorted(manifest.files) == ["inner/a.txt", "model.bin"]
    assert manifest.files["model.bin"].sha256 == hashlib.sha256(WEIGHTS).hexdigest()


def test_verify_from_inside_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert verify(Path()).key == "k"


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "out/model.bin", "out/inner"])
def test_no_manifest_no_artifact(folder: Path, name: str) -> None:
    path = folder.parent / name
    assert read_manifest(path) is None
    assert message(path) == f"{path}: no manifest.json, so this is no complete artifact; {RESTORE}"


def test_a_missing_file(folder: Path) -> None:
    (folder / "model.bin").unlink()
    assert message(folder) == f"cannot read {folder}/model.bin: No such file or directory; {RESTORE}"


@pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 4098, *random.Random(1).sample(range(4099), 23)])
def test_a_flipped_bit(folder: Path, offset: int) -> None:
    damaged = bytearray(WEIGHTS)
    damaged[offset] ^= 1 << offset % 8
    (folder / "model.bin").write_bytes(damaged)
    assert message(folder) == (
        f"{folder}/model.bin: damaged, sha256 is {hashlib.sha256(damaged).hexdigest()} "
        f"instead of {hashlib.sha256(WEIGHTS).hexdigest()}; {RESTORE}"
    )


@pytest.mark.parametrize("size", [0, 1, 2048, 4098, 4100, 9001])
def test_a_truncated_or_longer_file(folder: Path, size: int) -> None:
    os.truncate(folder / "model.bin", size)
    assert message(folder) == f"{folder}/model.bin: {size:,} bytes instead of 4,099; {RESTORE}"


def test_the_size_is_checked_before_the_file_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(folder / "model.bin", 2**40)  # sparse; hashing it would take hours
    monkeypatch.setattr(reading, "sha256", lambda path: "" if path.name == "model.bin" else verify_hash(path))
    assert message(folder) == f"{folder}/model.bin: 1,099,511,627,776 bytes instead of 4,099; {RESTORE}"


def verify_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_manifest_beyond_any_size(folder: Path) -> None:
    os.truncate(folder / MANIFEST, 2**24 + 1)
    assert message(folder) == (
        f"{folder}/manifest.json: 16,777,217 bytes, a manifest has at most 16,777,216; {RESTORE}"
    )


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "inner/../../secret"])
def test_a_path_that_leaves_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret").write_bytes(b"s")
    reseal(folder, files={name: {"sha256": hashlib.sha256(b"s").hexdigest(), "size": 1}})
    reason = f"file {name!r} is not a relative path inside the folder"
    assert message(folder) == f"{folder}/manifest.json: key 'files.{name}': {reason}"


def test_a_linked_file(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(WEIGHTS)
    (folder / "model.bin").unlink()
    (folder / "model.bin").symlink_to(folder.parent / "secret")
    assert message(folder) == f"{folder}/model.bin: not a regular file, which is all an artifact may hold; {RESTORE}"


def test_a_linked_folder(folder: Path) -> None:
    (folder / "inner").rename(folder.parent / "elsewhere")
    (folder / "inner").symlink_to(folder.parent / "elsewhere")
    assert message(folder) == f"{folder}/inner: a symbolic link, which an artifact may not hold; {RESTORE}"


@pytest.mark.parametrize("name", ["model.bin", MANIFEST])
def test_a_pipe_does_not_hang(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert message(folder).startswith(f"{folder / name}: not a regular file")


def test_a_folder_instead_of_a_file(folder: Path) -> None:
    (folder / "model.bin").unlink()
    (folder / "model.bin").mkdir()
    assert message(folder).startswith(f"{folder}/model.bin: not a regular file")


def test_a_link_to_the_whole_artifact_is_fine(folder: Path) -> None:
    (folder.parent / "latest").symlink_to(folder)
    assert verify(folder.parent / "latest").key == "k"


def test_what_the_manifest_does_not_name_is_no_matter(folder: Path) -> None:
    (folder / ".DS_Store").write_bytes(b"x")
    assert verify(folder).key == "k"
    reseal(folder, files={})
    assert verify(folder).files == {}


def test_an_unreadable_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(reading, "sha256", denied)
    assert message(folder) == f"cannot read {folder}/inner/a.txt: Permission denied; change the permissions"
