"""Writing token shards: documents stream in, arrays stream out, memory stays bounded.

Where documents say their language, they are first set aside by language, on disk, and then written language by
language: one file is open at a time, however many languages there are.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64, Integer

from encodery.data.language_spool import Chunk, LanguageSpool
from encodery.data.shard_format import MANIFEST, MAX_LANGUAGES, ShardFiles, ShardsManifest, file_name
from encodery.errors import UserError

MAX_SENTENCE_TOKENS = 64
_CHUNK_TOKENS = 1 << 18
_WAITING_TOKENS = 1 << 20
"""Held back at most, over all languages, so that each is written in pieces of some size."""

Document = list[Integer[np.ndarray, " _"]]


@dataclass(frozen=True)
class ShardStats:
    """What was written."""

    num_tokens: int
    num_sentences: int
    num_documents: int
    num_shards: int


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
    that is not known: documents of one language are then written together, in the order in which they came, the
    languages in the order of their names.

    Raises:
        UserError: the folder cannot be written (disk full, read-only), or there are more than 65,536 languages.
    """
    dtype: Literal["uint16", "uint32"] = "uint16" if vocab_size <= 2**16 else "uint32"
    manifest = ShardsManifest(dtype=dtype, vocab_size=vocab_size, shards=())
    pairs = zip(documents, repeat("") if languages is None else languages, strict=languages is not None)
    waiting = _CHUNK_TOKENS if languages is None else _WAITING_TOKENS
    chunks = _checked(_chunks(pairs, min(waiting, max_tokens_per_shard), max_sentence_tokens), vocab_size)
    if languages is None:
        manifest = _write(chunks, folder, manifest, max_tokens_per_shard)
    else:
        with LanguageSpool(folder, manifest.record_type("ids")) as spool:
            for chunk in chunks:
                with _errors_for_people(folder):
                    spool.add(chunk)
            grouped = chain.from_iterable(map(spool.take, spool.languages))
            manifest = _write(grouped, folder, manifest, max_tokens_per_shard)
            manifest = ShardsManifest(
                format_version=3,
                dtype=dtype,
                vocab_size=vocab_size,
                shards=manifest.shards,
                languages=tuple(spool.languages),
                language_documents=tuple(spool.num_documents[name] for name in spool.languages),
            )
    with _errors_for_people(folder):
        (folder / MANIFEST).write_text(json.dumps(manifest.model_dump(), indent=1) + "\n", encoding="utf-8")
    return ShardStats(
        num_tokens=sum(shard.num_tokens for shard in manifest.shards),
        num_sentences=sum(shard.num_sentences for shard in manifest.shards),
        num_documents=sum(shard.num_documents for shard in manifest.shards),
        num_shards=len(manifest.shards),
    )


def _write(
    chunks: Iterable[Chunk], folder: Path, manifest: ShardsManifest, max_tokens_per_shard: int
) -> ShardsManifest:
    """The chunks as shards, and the table with what these hold."""
    shards: list[ShardFiles] = []
    shard: _OpenShard | None = None
    for chunk in chunks:
        with _errors_for_people(folder):
            shard = shard or _OpenShard(folder, len(shards), manifest)
            shard.write(chunk)
            if shard.counts["ids"] >= max_tokens_per_shard:
                shards.append(shard.close())
                shard = None
    with _errors_for_people(folder):
        if shard:
            shards.append(shard.close())
    return manifest.model_copy(update={"shards": tuple(shards)})


class _OpenShard:
    """The shard being written."""

    def __init__(self, folder: Path, index: int, manifest: ShardsManifest) -> None:
        self._paths = {kind: folder / file_name(kind, index) for kind in manifest.kinds}
        self._types = {kind: manifest.record_type(kind) for kind in manifest.kinds}
        self._hashes = {kind: hashlib.sha256() for kind in manifest.kinds}
        for path in self._paths.values():
            path.write_bytes(b"")
        self.counts = dict.fromkeys(manifest.kinds, 0)

    def write(self, chunk: Chunk) -> None:
        """Append whole documents."""
        sentences = self.counts["ids"] + _starts(chunk.sentence_lengths)
        documents = self.counts["sentences"] + _starts(chunk.document_lengths)
        records = {"ids": chunk.ids, "sentences": sentences, "documents": documents}
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


def _checked(chunks: Iterable[Chunk], vocab_size: int) -> Iterator[Chunk]:
    """The chunks as they are, once nothing speaks against writing them."""
    names: set[str] = set()
    for chunk in chunks:
        assert chunk.ids.min() >= 0
        assert chunk.ids.max() < vocab_size
        names.add(chunk.language)
        if len(names) > MAX_LANGUAGES:
            raise UserError(
                f"the corpus names more than {MAX_LANGUAGES:,} languages; is language_field the right one?"
            )
        yield chunk


@dataclass
class _Waiting:
    """Documents of one language that no chunk holds yet."""

    sentences: list[Integer[np.ndarray, " _"]] = field(default_factory=list)
    document_ends: list[int] = field(default_factory=list)
    num_tokens: int = 0

    def add(self, sentences: Document) -> int:
        """Append a document; its tokens."""
        size = sum(map(len, sentences))
        self.sentences += sentences
        self.document_ends.append(len(self.sentences))
        self.num_tokens += size
        return size


def _chunks(
    documents: Iterable[tuple[Document, str]], num_tokens: int, max_sentence_tokens: int | None
) -> Iterator[Chunk]:
    """Whole documents of one language: when `num_tokens` wait over all languages, those of the one with most."""
    waiting: defaultdict[str, _Waiting] = defaultdict(_Waiting)
    total = 0
    for document, language in documents:
        full = [sentence for sentence in document if len(sentence)]
        if not full:
            continue
        total += waiting[language].add(full)
        if total >= num_tokens:
            longest = max(waiting, key=lambda name: waiting[name].num_tokens)
            total -= waiting[longest].num_tokens
            yield _chunk(longest, waiting.pop(longest), max_sentence_tokens)
    for name in list(waiting):
        yield _chunk(name, waiting.pop(name), max_sentence_tokens)


def _chunk(language: str, waiting: _Waiting, max_sentence_tokens: int | None) -> Chunk:
    """Lay sentences end to end; those above the limit are cut into parts whose lengths differ by one at most."""
    lengths = np.array([len(sentence) for sentence in waiting.sentences])
    parts = -(-lengths // (max_sentence_tokens or lengths.max()))
    sentence = np.repeat(np.arange(len(lengths)), parts)
    part = np.arange(len(sentence)) - _starts(parts)[sentence]
    length, count = lengths[sentence], parts[sentence]
    part_ends = np.cumsum(parts)[np.array(waiting.document_ends) - 1]
    return Chunk(
        language=language,
        ids=np.concatenate(waiting.sentences),
        sentence_lengths=length * (part + 1) // count - length * part // count,
        document_lengths=np.diff(part_ends, prepend=0),
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
