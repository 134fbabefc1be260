"""Writing token shards: documents stream in, arrays stream out, memory stays bounded."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer

from encodery.data.shard_format import LANGUAGES, MANIFEST, MAX_LANGUAGES, ShardFiles, ShardsManifest, file_name
from encodery.errors import UserError

MAX_SENTENCE_TOKENS = 64
_CHUNK_TOKENS = 1 << 18

Document = list[Integer[np.ndarray, " _"]]


@dataclass(frozen=True)
class ShardStats:
    """What was written."""

    num_tokens: int
    num_sentences: int
    num_documents: int
    num_shards: int


@dataclass(frozen=True)
class _Chunk:
    """Some whole documents as arrays."""

    ids: Integer[np.ndarray, " tokens"]
    sentence_lengths: Int64[np.ndarray, " sentences"]
    document_lengths: Int64[np.ndarray, " documents"]
    languages: tuple[str, ...]
    """Of each document."""


def write_shards(
    documents: Iterable[Document],
    folder: Path,
    vocab_size: int,
    max_tokens_per_shard: int = 2**27,
    languages: Iterable[str] | None = None,
    max_sentence_tokens: int | None = MAX_SENTENCE_TOKENS,
) -> ShardStats:
    """Write documents (each a list of its sentences' ids) as token shards into an existing folder.

    A document lies in one shard; a shard ends with the chunk of documents that fills it. Sentences above
    `max_sentence_tokens` (None: of any length) are cut into even parts, so that no text is beyond the reach of a
    training sequence. Empty sentences and documents are left out. `languages` are those of the documents, "" for one
    that is not known.

    Raises:
        UserError: the folder cannot be written (disk full, read-only), or there are more than 65,536 languages.
    """
    dtype = "uint16" if vocab_size <= 2**16 else "uint32"
    names: dict[str, int] | None = None if languages is None else {}
    table = {"format_version": 1 if names is None else 2, "dtype": dtype, "vocab_size": vocab_size}
    manifest = ShardsManifest.model_validate({**table, "shards": (), "languages": None if names is None else ()})
    shards: list[ShardFiles] = []
    shard: _OpenShard | None = None
    pairs = zip(documents, repeat("") if languages is None else languages, strict=languages is not None)
    for chunk in _chunks(pairs, min(_CHUNK_TOKENS, max_tokens_per_shard), max_sentence_tokens):
        assert chunk.ids.min() >= 0
        assert chunk.ids.max() < vocab_size
        with _errors_for_people(folder):
            shard = shard or _OpenShard(folder, len(shards), manifest)
            shard.write(chunk, _numbers(chunk.languages, names))
            if shard.counts["ids"] >= max_tokens_per_shard:
                shards.append(shard.close())
                shard = None
    with _errors_for_people(folder):
        if shard:
            shards.append(shard.close())
        named = None if names is None else tuple(names)
        manifest = ShardsManifest.model_validate({**table, "shards": tuple(shards), "languages": named})
        (folder / MANIFEST).write_text(json.dumps(manifest.model_dump(), indent=1) + "\n", encoding="utf-8")
    return ShardStats(
        num_tokens=sum(shard.num_tokens for shard in shards),
        num_sentences=sum(shard.num_sentences for shard in shards),
        num_documents=sum(shard.num_documents for shard in shards),
        num_shards=len(shards),
    )


class _OpenShard:
    """The shard being written."""

    def __init__(self, folder: Path, index: int, manifest: ShardsManifest) -> None:
        self._paths = {kind: folder / file_name(kind, index) for kind in manifest.kinds}
        self._types = {kind: manifest.record_type(kind) for kind in manifest.kinds}
        self._hashes = {kind: hashlib.sha256() for kind in manifest.kinds}
        for path in self._paths.values():
            path.write_bytes(b"")
        self.counts = dict.fromkeys(manifest.kinds, 0)

    def write(self, chunk: _Chunk, languages: Int64[np.ndarray, " documents"]) -> None:
        """Append whole documents."""
        sentences = self.counts["ids"] + _starts(chunk.sentence_lengths)
        documents = self.counts["sentences"] + _starts(chunk.document_lengths)
        records = {"ids": chunk.ids, "sentences": sentences, "documents": documents, LANGUAGES: languages}
        for kind in self.counts:
            self._append(kind, records[kind])
            self.counts[kind] += len(records[kind])

    def close(self) -> ShardFiles:
        """Write the ends after the last starts, and say what the files hold."""
        self._append("sentences", np.array([self.counts["ids"]]))
        self._append("documents", np.array([self.counts["sentences"]]))
        return ShardFiles(
            num_tokens=self.counts["ids"],
            num_sentences=self.counts["sentences"],
            num_documents=self.counts["documents"],
            sha256={self._paths[kind].name: digest.hexdigest() for kind, digest in self._hashes.items()},
        )

    def _append(self, kind: str, records: Integer[np.ndarray, " records"]) -> None:
        data = records.astype(self._types[kind]).tobytes()
        # opened anew for each chunk: nothing stays open when the documents end in an error
        with self._paths[kind].open("ab") as file:
            file.write(data)
        self._hashes[kind].update(data)


def _numbers(languages: Iterable[str], names: dict[str, int] | None) -> Int64[np.ndarray, " documents"]:
    """A number for each; a new name gets the next one. `names` is None where there are none."""
    if names is None:
        return np.zeros(0, np.int64)
    numbers = np.array([names.setdefault(language, len(names)) for language in languages], np.int64)
    if len(names) > MAX_LANGUAGES:
        raise UserError(f"the corpus names more than {MAX_LANGUAGES:,} languages; is language_field the right one?")
    return numbers


def _chunks(
    documents: Iterable[tuple[Document, str]], num_tokens: int, max_sentence_tokens: int | None
) -> Iterator[_Chunk]:
    """Whole documents, as many as it takes to reach `num_tokens`."""
    sentences: list[Integer[np.ndarray, " _"]] = []
    document_ends: list[int] = []
    languages: list[str] = []
    waiting = 0
    for document, language in documents:
        full = [sentence for sentence in document if len(sentence)]
        if not full:
            continue
        sentences += full
        document_ends.append(len(sentences))
        languages.append(language)
        waiting += sum(map(len, full))
        if waiting >= num_tokens:
            yield _chunk(sentences, document_ends, languages, max_sentence_tokens)
            sentences, document_ends, languages, waiting = [], [], [], 0
    if sentences:
        yield _chunk(sentences, document_ends, languages, max_sentence_tokens)


def _chunk(
    sentences: Document, document_ends: list[int], languages: list[str], max_sentence_tokens: int | None
) -> _Chunk:
    """Lay sentences end to end; those above the limit are cut into parts whose lengths differ by one at most."""
    lengths = np.array([len(sentence) for sentence in sentences])
    parts = -(-lengths // (max_sentence_tokens or lengths.max()))
    sentence = np.repeat(np.arange(len(lengths)), parts)
    part = np.arange(len(sentence)) - _starts(parts)[sentence]
    length, count = lengths[sentence], parts[sentence]
    part_ends = np.cumsum(parts)[np.array(document_ends) - 1]
    return _Chunk(
        ids=np.concatenate(sentences),
        sentence_lengths=length * (part + 1) // count - length * part // count,
        document_lengths=np.diff(part_ends, prepend=0),
        languages=tuple(languages),
    )


def _starts(lengths: Int64[np.ndarray, " items"]) -> Int64[np.ndarray, " items"]:
    """Where each item starts when items of these lengths lie end to end."""
    return np.asarray(np.cumsum(lengths) - lengths)


@contextmanager
def _errors_for_people(folder: Path) -> Iterator[None]:
    """A failed write as one line."""
    try:
        yield
    except OSError as error:
        path: Any = error.filename or folder
        raise UserError(
            f"{path}: cannot write token shards: {error.strerror}; free some space or choose another folder"
        ) from None
