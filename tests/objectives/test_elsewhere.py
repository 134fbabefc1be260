"""Batches of text that lies elsewhere, and of blocks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from encodery.batch import Batch
from encodery.data.block_shuffle import BlockShuffle
from encodery.data.remote_shards import REMOTE
from encodery.data.shard_cache import ShardCache
from encodery.data.shard_writer import write_shards
from encodery.data.shards import Shards
from encodery.objectives import objective
from encodery.objectives.config import ObjectiveConfig
from encodery.objectives.objective import Pretraining
from encodery.objectives.vocabulary import Vocabulary

VOCABULARY = Vocabulary(
    vocab_size=97,
    cls_token_id=1,
    sep_token_id=2,
    mask_token_id=3,
    pad_token_id=0,
    special_ids=frozenset(range(5)),
    continues_word=np.zeros(97, bool),
    ends_word=None,
)
BLOCKS = BlockShuffle(block_tokens=701, blocks=3)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Shards of three languages, sorted by them, a dozen files of each kind."""
    rng = np.random.default_rng(5)
    texts = [[rng.integers(5, 97, rng.integers(1, 19)) for _ in range(rng.integers(1, 7))] for _ in range(401)]
    folder = tmp_path / "written"
    folder.mkdir()
    names = [("de", "en", "en", "en", "sw")[number % 5] for number in range(401)]
    write_shards(iter(texts), folder, 97, max_tokens_per_shard=1009, languages=iter(names))
    return folder


@pytest.fixture
def reference(tmp_path: Path, written: Path) -> Path:
    folder = tmp_path / "reference"
    folder.mkdir()
    shutil.copy(written / "shards.json", folder)
    (folder / REMOTE).write_text(json.dumps({"path": str(written)}))
    return folder


def reader(shards: Shards, nsp: bool = False, shuffle: BlockShuffle | None = None, alpha: float = 1.0) -> Pretraining:
    config = ObjectiveConfig(nsp=nsp)
    return Pretraining(config, shards, VOCABULARY, 32, 256, 7, alpha=((0, alpha),), shuffle=shuffle)


def same(one: Batch, other: Batch) -> bool:
    assert one.labels is not None
    assert other.labels is not None
    return torch.equal(one.input_ids, other.input_ids) and torch.equal(one.labels, other.labels)


@pytest.mark.parametrize("shuffle", [None, BLOCKS])
@pytest.mark.parametrize("nsp", [False, True])
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_the_same_batches_as_of_shards_that_are_here(
    tmp_path: Path, written: Path, reference: Path, nsp: bool, shuffle: BlockShuffle | None, alpha: float
) -> None:
    here = reader(Shards.open(written), nsp, shuffle, alpha)
    there = reader(Shards.open(reference, cache=ShardCache(tmp_path / "cache", 17_011)), nsp, shuffle, alpha)
    assert all(same(here.batch(step), there.batch(step)) for step in (0, 1, 131, 7, 10_007))


def test_what_comes_is_fetched_ahead(
    tmp_path: Path, written: Path, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objective, "_BLOCK_TOKENS", 256)
    monkeypatch.setattr(objective, "_BLOCKS_PER_PLAN", 1)
    monkeypatch.setattr(objective, "_PLANS_AHEAD", 5)
    cache = ShardCache(tmp_path / "cache")
    there = reader(Shards.open(reference, cache=cache), shuffle=BlockShuffle(block_tokens=300, blocks=2))
    assert there._ahead is not None
    for step in range(11):
        there.batch(step)
        there._ahead.wait()
        before = cache.fetched_bytes
        there._fetch_plan(step + 5)
        assert cache.fetched_bytes == before  # all of it is here
    assert reader(Shards.open(written))._ahead is None


def test_languages_keep_their_shares_in_blocks(written: Path) -> None:
    """Blocks are of one language each; a few of them at a time would be text of a few languages."""
    shards = Shards.open(written)
    for alpha in (1.0, 0.3):
        read = reader(shards, shuffle=BlockShuffle(block_tokens=300, blocks=2), alpha=alpha)
        epochs = read.epochs_by_language(0, 40)
        sizes = shards.tokens_by_language()
        tokens = {name: epochs[name] * sizes[name] for name in sizes}
        raised = {name: size**alpha for name, size in sizes.items()}
        for name in sizes:
            expected = raised[name] / sum(raised.values())
            assert tokens[name] / sum(tokens.values()) == pytest.approx(expected, abs=0.05)
