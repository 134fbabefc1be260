"""Files fetched into a bounded folder: whole and right, whatever happens in between."""

import fcntl
import hashlib
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest

from encodery.data import shard_cache
from encodery.data.shard_cache import RemoteArray, ShardCache
from encodery.errors import UserError


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_cache, "_WAIT_SECONDS", 0.001)


def stored(folder: Path, name: str, size: int = 1009, address: str = "") -> RemoteArray:
    """A file of random bytes in a folder, or behind `address`."""
    data = np.random.default_rng(sum(name.encode())).bytes(size)
    if address:
        with fsspec.open(f"{address}/{name}", "wb") as file:
            file.write(data)
    else:
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return RemoteArray(f"{address or folder}/{name}", size, hashlib.sha256(data).hexdigest(), "u1")


def held(cache: ShardCache) -> set[str]:
    """What lies in the cache but for locks."""
    return {path.name for path in cache.folder.iterdir() if not path.name.endswith(".lock")}


@pytest.mark.parametrize("address", ["", "memory://shards-cache"])
def test_a_file_is_fetched_once(tmp_path: Path, address: str) -> None:
    array = stored(tmp_path / "store", "a", address=address)
    cache = ShardCache(tmp_path / "cache", 10_007)
    found = cache.map(array)
    assert hashlib.sha256(found.tobytes()).hexdigest() == array.sha256
    assert held(cache) == {array.sha256}
    assert cache.fetched_bytes == array.size
    again = ShardCache(tmp_path / "cache", 10_007)
    assert (again.map(array) == found).all()
    assert again.fetched_bytes == 0


def test_an_empty_file_needs_no_fetching(tmp_path: Path) -> None:
    cache = ShardCache(tmp_path / "cache")
    assert len(cache.map(RemoteArray("memory://none/none", 0, "0" * 64, "<u2"))) == 0
    assert not cache.folder.exists()


def test_what_was_used_least_recently_goes(tmp_path: Path) -> None:
    arrays = [stored(tmp_path / "store", name) for name in "abcd"]
    cache = ShardCache(tmp_path / "cache", 3 * 1009)
    for age, array in enumerate(arrays[:3]):
        os.utime(cache.fetch(array), (age, age))
    cache.touch(arrays[0])
    cache.fetch(arrays[3])
    assert held(cache) == {arrays[place].sha256 for place in (0, 2, 3)}
    assert [cache.has(array) for array in arrays] == [True, False, True, True]


def test_what_is_mapped_is_read_though_it_was_removed(tmp_path: Path) -> None:
    one, other = (stored(tmp_path / "store", name) for name in "ab")
    cache = ShardCache(tmp_path / "cache", 1009)
    found = cache.map(one)
    cache.map(other)
    assert not cache.has(one)
    assert hashlib.sha256(found.tobytes()).hexdigest() == one.sha256


@pytest.mark.parametrize("size", [1009, 1008, 1010, 0])
def test_what_came_altered_or_of_another_size_is_no_file(tmp_path: Path, size: int) -> None:
    array = stored(tmp_path / "store", "a")
    (tmp_path / "store" / "a").write_bytes(b"x" * size)
    cache = ShardCache(tmp_path / "cache")
    with pytest.raises(UserError) as error:
        cache.map(array)
    assert str(error.value) == (
        f"{array.address}: is not what the table of its shards says (sha256 or size differs); copy the shards there "
        "again"
    )
    assert held(cache) == set()


def test_a_store_that_fails_once_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array, calls = stored(tmp_path / "store", "a"), []
    copy = shard_cache._copy

    def fails_twice(array: RemoteArray, file: object) -> str:
        calls.append(array)
        if len(calls) == 1:
            raise ConnectionResetError("reset by peer")
        return copy(array, file) if len(calls) == 3 else "another"  # type: ignore[arg-type]

    monkeypatch.setattr(shard_cache, "_copy", fails_twice)
    ShardCache(tmp_path / "cache").map(array)
    assert len(calls) == 3


def test_places_and_sizes_that_cannot_be(tmp_path: Path) -> None:
    array = stored(tmp_path / "store", "a")
    cache = ShardCache(tmp_path / "cache", 1008)
    with pytest.raises(UserError, match="has 1,009 bytes, and the cache may hold 1,008; raise cache_bytes"):
        cache.map(array)
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(UserError, match=r"store/a: cannot be fetched \(No such file or directory\); check the add"):
        ShardCache(tmp_path / "cache").map(array)
    with pytest.raises(UserError, match="no such protocol"):
        ShardCache(tmp_path / "cache").map(RemoteArray("nope://a/b", 3, "0" * 64, "u1"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"store/a: cannot be fetched \(Not a directory, .*/file/cache\)"):
        ShardCache(tmp_path / "file" / "cache").map(stored(tmp_path / "store", "a"))


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = stored(tmp_path / "store", "a")

    def full(array: RemoteArray, file: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_cache, "_copy", full)
    cache = ShardCache(tmp_path / "cache")
    with pytest.raises(UserError, match=r"cannot be fetched \(No space left on device\)"):
        cache.map(array)
    assert held(cache) == set()


def test_parts_of_killed_processes_count_for_nothing_and_those_of_others_do(tmp_path: Path) -> None:
    arrays = [stored(tmp_path / "store", name) for name in "ab"]
    cache = ShardCache(tmp_path / "cache", 1009 + 99)
    cache.folder.mkdir()
    (cache.folder / f"{arrays[0].sha256}.part").write_bytes(b"half")
    (cache.folder / f"{'0' * 64}.part").write_bytes(b"x" * 1000)
    cache.map(arrays[0])
    assert held(cache) == {arrays[0].sha256}

    part = cache.folder / f"{'1' * 64}.part"
    part.write_bytes(b"x" * 1000)
    with (cache.folder / f"{'1' * 64}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with cache._locked("all"):
            assert not cache._make_room(1009)
    assert not cache.has(arrays[0])  # room was made as far as that goes
    assert part.exists()
    cache.map(arrays[1])
    assert not part.exists()


def slow_copy(folder: Path, array: RemoteArray) -> None:
    """Fetch a file, and never come to an end."""
    write = shard_cache._opened(array.address)

    class Slow:
        def __enter__(self) -> "Slow":
            return self

        def __exit__(self, *_: object) -> None: ...

        def read(self, size: int) -> bytes:
            block: bytes = write.read(101)
            if write.tell() > 500:
                (folder.parent / "halfway").touch()
                time.sleep(60)
            return block

    shard_cache._opened = lambda address: Slow()
    ShardCache(folder).map(array)


def test_a_killed_fetch_leaves_no_bad_file(tmp_path: Path) -> None:
    array = stored(tmp_path / "store", "a")
    process = multiprocessing.get_context("fork").Process(target=slow_copy, args=(tmp_path / "cache", array))
    process.start()
    while not (tmp_path / "halfway").exists():
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    cache = ShardCache(tmp_path / "cache")
    assert held(cache) == {f"{array.sha256}.part"}
    assert hashlib.sha256(cache.map(array).tobytes()).hexdigest() == array.sha256
    assert held(cache) == {array.sha256}


def read_all(folder: Path, arrays: list[RemoteArray], seed: int) -> None:
    """Read files in an order of one's own through a cache that holds two of them."""
    cache = ShardCache(folder, 2 * 1009 + 7)
    for place in np.random.default_rng(seed).integers(0, len(arrays), 31).tolist():
        found = cache.map(arrays[place])
        assert hashlib.sha256(found.tobytes()).hexdigest() == arrays[place].sha256
        with cache._locked("all"):
            assert sum(path.stat().st_size for path in folder.iterdir() if len(path.name) == 64) <= 2 * 1009 + 7


def test_several_processes_share_a_cache_that_is_too_small(tmp_path: Path) -> None:
    arrays = [stored(tmp_path / "store", name) for name in "abcde"]
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=read_all, args=(tmp_path / "cache", arrays, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
