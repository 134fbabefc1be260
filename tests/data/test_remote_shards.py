"""Token shards that lie elsewhere read as those that lie here."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from encodery.data.block_shuffle import BlockShuffle
from encodery.data.remote_shards import REMOTE
from encodery.data.shard_cache import ShardCache
from encodery.data.shard_writer import write_shards
from encodery.data.shards import Shards
from encodery.data.spans import Windows
from encodery.errors import UserError

VOCAB_SIZE = 97


def documents(seed: int = 5, count: int = 211) -> Iterator[list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield [rng.integers(0, VOCAB_SIZE, rng.integers(1, 19)) for _ in range(rng.integers(1, 7))]


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """Shards of two languages, eleven files of each kind or so."""
    folder = tmp_path / "local"
    folder.mkdir()
    languages = (("en", "de")[number % 3 == 0] for number in range(211))
    write_shards(documents(), folder, VOCAB_SIZE, max_tokens_per_shard=701, languages=languages)
    return folder


def reference(folder: Path, path: str, manifest: Path) -> Path:
    folder.mkdir()
    shutil.copy(manifest / "shards.json", folder)
    (folder / REMOTE).write_text(json.dumps({"path": path}))
    return folder


@pytest.fixture(params=["folder", "memory://remote-shards/"])
def remote(request: pytest.FixtureRequest, tmp_path: Path, local: Path) -> Path:
    path = str(local)
    if request.param != "folder":
        path = request.param
        system = fsspec.filesystem("memory")
        for file in local.iterdir():
            system.pipe(f"{path}{file.name}", file.read_bytes())
    return reference(tmp_path / "reference", path, local)


def test_opening_fetches_nothing(tmp_path: Path, local: Path, remote: Path) -> None:
    cache = ShardCache(tmp_path / "cache")
    here, there = Shards.open(local), Shards.open(remote, cache=cache)
    assert (there.num_tokens, there.num_sentences, there.num_documents) == (
        here.num_tokens,
        here.num_sentences,
        here.num_documents,
    )
    assert there.languages == here.languages == ("de", "en")
    assert (there.first_documents() == here.first_documents()).all()  # type: ignore[union-attr]
    assert not cache.folder.exists()


def test_everything_reads_the_same(tmp_path: Path, local: Path, remote: Path) -> None:
    here, there = Shards.open(local), Shards.open(remote, cache=ShardCache(tmp_path / "cache", 9001))
    index = np.random.default_rng(3).integers(0, here.num_sentences, 89)
    assert (there.sentences.at(index) == here.sentences.at(index)).all()
    assert there.sentences.at(index).dtype == here.sentences.at(index).dtype
    assert (there.document_of(index) == here.document_of(index)).all()
    starts = here.sentences.at(index)
    lengths = here.sentences.at(index + 1) - starts
    assert (there.take_ranges(starts, lengths) == here.take_ranges(starts, lengths)).all()
    assert (there.language_of(starts) == here.language_of(starts)).all()
    assert (there.token_counts == here.token_counts).all()
    assert there.tokens_by_language() == here.tokens_by_language()


@pytest.mark.parametrize("shuffle", [None, BlockShuffle(block_tokens=331, blocks=3)])
def test_windows_are_the_same_wherever_one_begins(
    tmp_path: Path, local: Path, remote: Path, shuffle: BlockShuffle | None
) -> None:
    cache = ShardCache(tmp_path / "cache", 30_011)
    here = Windows(Shards.open(local), 29, 7, shuffle=shuffle).pieces(0, 401)
    order = Windows(Shards.open(remote, cache=cache), 29, 7, shuffle=shuffle)
    whole, later = order.pieces(0, 401), order.pieces(211, 401)
    inside = whole.window >= 211
    for name in ("window", "document", "first", "last", "key"):
        assert (getattr(whole, name) == getattr(here, name)).all()
        assert (getattr(later, name) == getattr(whole, name)[inside]).all()


def test_blocks_read_from_few_shards(tmp_path: Path, local: Path, remote: Path) -> None:
    """Over an epoch in blocks a cache that is too small for the corpus is filled little more than once."""

    def fetched(shuffle: BlockShuffle | None, part: int = 1) -> int:
        cache = ShardCache(tmp_path / f"cache-{shuffle}", 10_007)
        shards = Shards.open(remote, cache=cache)
        windows = Windows(shards, 29, 7, shuffle=shuffle)
        for start in range(0, windows.num_windows // part, 7):
            pieces = windows.pieces(start, min(start + 7, windows.num_windows))
            begin = shards.sentences.at(pieces.first)
            shards.take_ranges(begin, shards.sentences.at(pieces.last) - begin)
        return cache.fetched_bytes

    corpus = sum(file.stat().st_size for file in local.glob("*.bin"))
    assert corpus > 2 * 10_007
    assert fetched(BlockShuffle(block_tokens=701, blocks=2)) < 3 * corpus
    assert fetched(None, 9) > corpus


def test_a_file_that_is_gone_or_altered_is_named(tmp_path: Path, local: Path, remote: Path) -> None:
    (there := json.loads((remote / REMOTE).read_text()))["path"] += "/no-such"
    (remote / REMOTE).write_text(json.dumps(there))
    shards = Shards.open(remote, cache=ShardCache(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"no-such/ids-00000.bin: cannot be fetched"):
        shards.take_ranges(np.array([0]), np.array([3]))


def poked(remote: Path, **changes: object) -> str:
    table = json.loads((remote / "shards.json").read_text()) | changes
    (remote / "shards.json").write_text(json.dumps(table))
    with pytest.raises(UserError) as error:
        Shards.open(remote, cache=ShardCache(remote / "cache"))
    return str(error.value).replace(str(remote), "remote")


def test_tables_that_lie(local: Path, remote: Path) -> None:
    shards = json.loads((remote / "shards.json").read_text())["shards"]
    shards[0]["sha256"]["ids-00000.bin"] = "../../../etc/passwd"
    assert poked(remote, shards=shards) == (
        "remote/shards.json: sha256 of ids-00000.bin = '../../../etc/passwd' is none; write the token shards again"
    )
    assert poked(remote, format_version=2, language_documents=None) == (
        "remote/shards.json: shards of format 2 are read from their own folder alone; write the token shards again"
    )
    (remote / REMOTE).write_text("{")
    assert "remote/remote.json: not JSON" in poked(remote)
    (remote / REMOTE).write_text("{}")
    assert "remote/remote.json: missing key 'path'" in poked(remote)
