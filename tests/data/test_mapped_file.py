"""Files in memory maps: their records, their end, and what the system refuses."""

import gc
import resource
from pathlib import Path

import numpy as np
import pytest

from encodery.data.mapped_file import map_file
from encodery.errors import UserError


def test_records_are_those_of_the_file_and_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "numbers.bin"
    numbers = np.arange(2003, dtype="<u4") * 977
    numbers.tofile(path)
    mapped = map_file(path, "<u4")
    assert mapped.dtype == np.dtype("<u4")
    assert np.array_equal(mapped, numbers)
    with pytest.raises(ValueError, match="read-only"):
        mapped[3] = 7


def test_the_map_lives_as_long_as_any_part_of_it(tmp_path: Path) -> None:
    """Also when the file is gone, as one that a cache let go of."""
    path = tmp_path / "numbers.bin"
    np.arange(2003).tofile(path)
    part = map_file(path, "<i8").view(np.uint64)[997:1009]
    path.unlink()
    gc.collect()
    assert part.tolist() == list(range(997, 1009))
    assert str(path) in Path("/proc/self/maps").read_text()
    del part
    gc.collect()
    assert str(path) not in Path("/proc/self/maps").read_text()


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    (tmp_path / "nothing.bin").touch()
    assert map_file(tmp_path / "nothing.bin", "<u2").shape == (0,)


def test_what_the_system_refuses_is_said_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "numbers.bin"
    np.arange(7).tofile(path)
    with pytest.raises(FileNotFoundError):
        map_file(tmp_path / "gone.bin", "<i8")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(UserError) as refused:
            map_file(path, "<i8")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert str(refused.value).startswith(f"{path}: cannot be mapped (Too many open files); close files, or raise the")
    assert "\n" not in str(refused.value)


def test_a_map_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "numbers.bin"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (1 << 39, limits[1]))
    try:
        with pytest.raises(UserError, match=r"numbers.bin: cannot be mapped \(Cannot allocate memory\)"):
            map_file(path, "<i8")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
