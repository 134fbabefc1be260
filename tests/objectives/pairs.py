"""Aligned sentences of made-up ids, whose sides can be told apart."""

from pathlib import Path

import numpy as np

from encodery.data.shard_writer import Document, write_shards
from encodery.data.shards import Shards
from tests.data.synthetic import VOCAB_SIZE

SOURCE, TARGET = range(5, 500), range(500, VOCAB_SIZE)


def pairs(count: int, max_tokens: int = 29, seed: int = 0) -> list[Document]:
    """Sources of the one half of the vocabulary, targets of the other."""
    random = np.random.default_rng(seed)
    return [
        [random.integers(side.start, side.stop, random.integers(1, max_tokens + 1)) for side in (SOURCE, TARGET)]
        for _ in range(count)
    ]


def stored_pairs(
    folder: Path, corpus: list[Document], label: str | list[str] = "en/de", max_tokens_per_shard: int = 2**27
) -> Shards:
    """The pairs as shards on disk, opened."""
    folder.mkdir()
    labels = [label] * len(corpus) if isinstance(label, str) else label
    write_shards(corpus, folder, VOCAB_SIZE, max_tokens_per_shard, labels, max_sentence_tokens=None)
    return Shards.open(folder, verify=True)
