"""Shards of a finished stage written again as several, so that one can go."""

from pathlib import Path

import numpy as np

from encodery.data.shard_writer import write_shards
from encodery.data.shards import Shards
from tests.data.test_shards import read_back


def split_in_several(folder: Path) -> None:
    """Of a third of the tokens each, or little more."""
    shards = Shards.open(folder)
    bounds = shards.first_documents()
    names = None
    if bounds is not None:
        names = [shards.languages[n] for n in range(len(bounds) - 1) for _ in range(bounds[n + 1] - bounds[n])]
    texts = [[np.array(sentence) for sentence in document] for document in read_back(shards)]
    for path in folder.iterdir():
        path.unlink()
    write_shards(texts, folder, shards.vocab_size, shards.num_tokens // 3, names, max_sentence_tokens=None)


def lose_a_shard(folder: Path) -> str:
    """Split, and take one of them away; its name."""
    split_in_several(folder)
    gone = folder / "ids-00001.bin"
    gone.unlink()
    return gone.name
