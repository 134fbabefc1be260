"""A file that is gone on with: whatever goes wrong, what was safe stays, and what follows is what would have been."""

import gzip
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from encodery.errors import UserError
from encodery.serve.output import Output, compressed
from tests.faults import CUTS, ERRORS, KILL, KILLED, SHORT, FaultyDisk, PowerCut, run_in_child, scratch

BLOCKS = [[b"first", b"second"], [b"third"], [b"fourth", b"fifth", b"sixth"]]
WHOLE = b"first\nsecond\nthird\nfourth\nfifth\nsixth\n"


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch() as folder:
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_bytes(b"7")
        yield folder


def write(root: Path, to: Path, stop: int | None = None) -> None:
    """All blocks behind those that are there, or those before `stop`, each with its number for a hash."""
    with Output(to, root / "model", Path("in.jsonl")) as output:
        if output.is_finished:
            return
        output.open()
        ends = [sum(map(len, BLOCKS[: n + 1])) for n in range(len(BLOCKS))]
        for number, (lines, end) in enumerate(zip(BLOCKS, ends, strict=True)):
            if stop is not None and number == stop:
                return
            if end > output.written.records:
                output.add(lines, end, f"{number}", number % 2)
        output.publish()


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_written_published_and_accounted_for(root: Path) -> None:
    to = root / "new" / "out.jsonl"
    write(root, to)
    assert to.read_bytes() == WHOLE
    assert names(to.parent) == ["out.jsonl", "out.jsonl.manifest.json"]
    manifest = json.loads((root / "new" / "out.jsonl.manifest.json").read_text())
    assert manifest == {
        "model": str(root / "model"),
        "model_sha256": manifest["model_sha256"],
        "input": "in.jsonl",
        "input_sha256": "2",
        "records": 6,
        "errors": 1,
        "bytes": len(WHOLE),
    }


@pytest.mark.parametrize("stop", [0, 1, 2])
@pytest.mark.parametrize("more", [b"", b"x", b"half a line", b"a line\nand a half"])
def test_gone_on_with_behind_what_is_safe(root: Path, stop: int, more: bytes) -> None:
    to = root / "out.jsonl"
    write(root, to, stop)
    assert names(root) == ["model", "out.jsonl.manifest.json", "out.jsonl.part"]
    with (root / "out.jsonl.part").open("ab") as file:
        file.write(more)
    write(root, to)
    assert to.read_bytes() == WHOLE


def changes(root: Path) -> list[str]:
    with FaultyDisk(root) as disk:
        write(root, root / "out.jsonl")
    return disk.log


@pytest.mark.parametrize(
    ("action", "lasting"),
    [("ENOSPC", False), ("EIO", False), ("ENOSPC", True)] + [(action, False) for action in (SHORT, KILL, *CUTS)],
)
def test_whatever_fails_the_next_run_ends_with_the_same_bytes(action: str, lasting: bool) -> None:
    with scratch() as first:
        (first / "model").mkdir()
        steps = changes(first)
    assert len(steps) > 17
    for at, step in enumerate(steps):
        with scratch() as root:
            (root / "model").mkdir()
            to = root / "out.jsonl"
            with FaultyDisk(root, at=at, action=action, lasting=lasting):
                if action == KILL:
                    assert run_in_child(lambda: write(root, to)) == KILLED  # noqa: B023
                elif action in CUTS:
                    with pytest.raises(PowerCut):
                        write(root, to)
                else:
                    try:
                        write(root, to)
                    except UserError as error:
                        assert os.strerror(ERRORS[action]) in str(error), step  # noqa: PT017
            assert not to.exists() or to.read_bytes() == WHOLE, step
            write(root, to)
            assert to.read_bytes() == WHOLE, step
            assert [name for name in names(root) if not name.startswith(".")] == [
                "model",
                "out.jsonl",
                "out.jsonl.manifest.json",
            ], step


def test_another_model_is_refused(root: Path) -> None:
    to = root / "out.jsonl"
    for stop, path in ((1, root / "out.jsonl.part"), (None, to)):
        write(root, to, stop)
        (root / "model" / "weights").write_bytes(b"8")
        with pytest.raises(UserError) as error:
            write(root, to)
        assert str(error.value) == (
            f"{path}: predicted by another model ({root / 'model'}), or by this one before it was changed; "
            f"remove {path} to predict anew, or choose another --to"
        )
        (root / "model" / "weights").write_bytes(b"7")
    to.unlink()
    (root / "model" / "weights").write_bytes(b"8")
    write(root, to)  # removed as it was told
    assert to.read_bytes() == WHOLE


def test_what_nobody_vouches_for_is_not_overwritten(root: Path) -> None:
    to = root / "out.jsonl"
    for path in (to, root / "out.jsonl.part"):
        path.write_text("a letter\n")
        with pytest.raises(UserError) as error:
            write(root, to)
        assert str(error.value) == (
            f"{path}: exists, and no out.jsonl.manifest.json says what it is; "
            f"remove {path} to predict anew, or choose another --to"
        )
        assert path.read_text() == "a letter\n"
        path.unlink()


def test_what_was_changed_is_refused(root: Path) -> None:
    to = root / "out.jsonl"
    write(root, to)
    to.write_bytes(WHOLE + b"more\n")
    with pytest.raises(UserError) as error:
        write(root, to)
    assert str(error.value) == (
        f"{to}: 43 bytes where out.jsonl.manifest.json says 38, so it has been changed since; "
        f"remove {to} to predict anew, or choose another --to"
    )


def test_a_damaged_manifest(root: Path) -> None:
    (root / "out.jsonl.manifest.json").write_text('{"records": -1}')
    with pytest.raises(UserError, match=r"out\.jsonl\.manifest\.json: missing key 'model'"):
        write(root, root / "out.jsonl")


def test_one_process_at_a_time(root: Path) -> None:
    to = root / "out.jsonl"
    with Output(to, root / "model", Path("in.jsonl")) as output:
        output.open()
        with pytest.raises(UserError) as error:
            write(root, to)
        assert str(error.value) == f"{to}.part: another process writes it; wait until it is done, or stop it"
        late = Output(to, root / "model", Path("in.jsonl"))
        output.publish()
    manifest = (root / "out.jsonl.manifest.json").read_bytes()
    with pytest.raises(UserError, match="another process writes it"), late:
        late.open()
    assert (root / "out.jsonl.manifest.json").read_bytes() == manifest


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".GZ"])
def test_compressed_as_the_name_says(root: Path, suffix: str) -> None:
    to = root / f"out.jsonl{suffix}"
    write(root, to, 2)
    write(root, to)
    unpackers: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.decompress, ".zst": _unpacked}
    unpack = unpackers[suffix.lower()]
    assert unpack(to.read_bytes()) == WHOLE
    again = root / f"again.jsonl{suffix}"
    write(root, again)
    assert again.read_bytes() == to.read_bytes()


def _unpacked(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()


def test_zstandard_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    with pytest.raises(UserError, match=r"^out\.zst: writing \.zst needs the package zstandard; pip install"):
        compressed(b"", "out.zst")
