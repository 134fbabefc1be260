"""Small corpora of made-up ids, for tests that need token shards."""

import hashlib
import json
from pathlib import Path

import numpy as np

from encodery.data.shard_writer import Document, write_shards
from encodery.data.shards import Shards

VOCAB_SIZE = 1009
NUM_SPECIAL = 5


def documents(
    num_documents: int, max_sentences: int, seed: int = 0, vocab_size: int = VOCAB_SIZE, max_tokens: int = 29
) -> list[Document]:
    """Documents of 1 to `max_sentences` sentences of 1 to `max_tokens` random ordinary tokens."""
    random = np.random.default_rng(seed)
    return [
        [
            random.integers(NUM_SPECIAL, vocab_size, random.integers(1, max_tokens + 1))
            for _ in range(random.integers(1, max_sentences + 1))
        ]
        for _ in range(num_documents)
    ]


def counting_documents(sentences_per_document: list[int], tokens_per_sentence: int) -> list[Document]:
    """Documents whose every token is its own place in the corpus (plus the special ids)."""
    ends = np.cumsum(sentences_per_document) * tokens_per_sentence + NUM_SPECIAL
    return [
        list(np.arange(end - count * tokens_per_sentence, end).reshape(count, tokens_per_sentence))
        for end, count in zip(ends, sentences_per_document, strict=True)
    ]


def stored(
    folder: Path,
    corpus: list[Document],
    vocab_size: int = VOCAB_SIZE,
    max_tokens_per_shard: int = 2**27,
    languages: list[str] | None = None,
) -> Shards:
    """The corpus as shards on disk, opened."""
    folder.mkdir()
    write_shards(corpus, folder, vocab_size, max_tokens_per_shard, languages)
    return Shards.open(folder, verify=True)


def in_format_2(folder: Path, languages: list[str]) -> Path:
    """One shard without languages, made one of format 2, in which documents of all languages lie as they come."""
    path, names = folder / "languages-00000.bin", list(dict.fromkeys(languages))
    path.write_bytes(np.array([names.index(language) for language in languages], "<u2").tobytes())
    manifest = folder / "shards.json"
    table = json.loads(manifest.read_text())
    assert table["format_version"] == 1
    table |= {"format_version": 2, "languages": names}
    table["shards"][0]["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(table))
    return path
