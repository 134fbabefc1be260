"""Files of lines side by side."""

import gzip
from pathlib import Path

import pytest

from encodery.errors import UserError
from encodery.files.aligned import read_aligned


def write(folder: Path, **files: str) -> list[Path]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def test_lines_of_three_files_with_their_number(tmp_path: Path) -> None:
    paths = write(tmp_path, en="a\n\nc\n", de="ä\r\nö\r\nü\r\n", fr="x\ny\nz")
    assert list(read_aligned(paths)) == [(1, ("a", "ä", "x")), (2, ("", "ö", "y")), (3, ("c", "ü", "z"))]


def test_compressed_files(tmp_path: Path) -> None:
    paths = [*write(tmp_path, en="a\n"), tmp_path / "de.gz"]
    paths[1].write_bytes(gzip.compress(b"b\n"))
    assert list(read_aligned(paths)) == [(1, ("a", "b"))]


@pytest.mark.parametrize("lengths", [(2, 3, 2), (1, 3, 5), (3, 0, 3)])
def test_files_of_other_lengths_are_refused_with_all_counts(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    paths = write(tmp_path, **{name: "x\n" * length for name, length in zip("abc", lengths, strict=True)})
    with pytest.raises(UserError) as error:
        list(read_aligned(paths))
    for path, length in zip(paths, lengths, strict=True):
        assert f"{path} has {length}" in str(error.value)
    assert "align them again" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    (path,) = write(tmp_path, en="a\n")
    with pytest.raises(UserError, match="no such file"):
        list(read_aligned([path, tmp_path / "none"]))
