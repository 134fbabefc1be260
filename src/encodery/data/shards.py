"""Token shards: the corpus as ids on disk, read through memory maps as if it were one array.

Several shards read exactly as one: every index and every offset here counts over the whole corpus.
`shard_format` describes the files, `shard_writer` writes them.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int, Int64, UInt

from encodery.data.mapped_file import map_file
from encodery.data.offsets import Offsets, Parts, by_shard
from encodery.data.remote_shards import RemoteArrays, read_remote, remote_arrays
from encodery.data.shard_cache import ShardCache
from encodery.data.shard_checks import check_contents
from encodery.data.shard_format import LANGUAGES, ShardsManifest, read_manifest
from encodery.data.shard_languages import GroupedLanguages, Languages, ScatteredLanguages
from encodery.errors import UserError
from encodery.files.stores import is_remote

_COUNT_TOKENS = 1 << 22


class Shards:
    """A corpus of token ids: documents of sentences of tokens."""

    def __init__(
        self,
        vocab_size: int,
        ids: Parts,
        num_tokens: Sequence[int],
        sentences: Offsets,
        documents: Offsets,
        languages: Languages | None = None,
        skipped: tuple[str, ...] = (),
    ) -> None:
        """`num_tokens`: of each shard."""
        self.vocab_size = vocab_size
        self.sentences = sentences
        """First token of each sentence."""
        self.documents = documents
        """First sentence of each document."""
        self.languages = languages.names if languages else ()
        """The names of the languages; none where the corpus names none."""
        self.skipped = skipped
        """What is wrong with each shard that was left out."""
        self._languages = languages
        self._ids = ids
        self._first_token = np.cumsum([0, *num_tokens])

    @classmethod
    def open(
        cls, folder: Path, verify: bool = False, skip_missing: bool = False, cache: ShardCache | None = None
    ) -> "Shards":
        """Map a folder of shards; `verify` also reads every byte and compares it with its recorded hash.
        `skip_missing` leaves out shards of which a file is missing or truncated, and notes them in `skipped`.

        Where the folder says that its files lie elsewhere (`remote.json`), they are fetched into `cache` as they are
        read, and verified then; a file that is missing is an error when its text is read. Without a cache, files
        under a path are mapped in their place.

        Raises:
            UserError: a file is missing, truncated or (with `verify`) altered; names the file and the record. With
                `skip_missing`: no shard is whole. A file cannot be mapped.
        """
        manifest = read_manifest(folder)
        if (remote := read_remote(folder)) is not None:
            if cache is not None or is_remote(remote.path):
                return cls._of_remote(remote_arrays(folder, remote, manifest, cache or ShardCache()), manifest)
            folder = Path(remote.path)
        arrays, skipped = {}, []
        for index in range(len(manifest.shards)):
            try:
                paths = {kind: manifest.check_size(folder, index, kind) for kind in manifest.kinds}
            except UserError as error:
                if not skip_missing:
                    raise
                skipped.append(str(error))
                continue
            arrays[index] = {kind: map_file(path, manifest.record_type(kind)) for kind, path in paths.items()}
            if verify:
                check_contents(folder, manifest, index, arrays[index])
        if skipped and not arrays:
            raise UserError(f"none of {len(skipped)} shards is whole; the first: {skipped[0]}")
        return cls(
            manifest.vocab_size,
            [shard["ids"] for shard in arrays.values()],
            [len(shard["ids"]) for shard in arrays.values()],
            Offsets.of([shard["sentences"].view(np.int64) for shard in arrays.values()]),
            Offsets.of([shard["documents"].view(np.int64) for shard in arrays.values()]),
            _languages(manifest, arrays),
            tuple(skipped),
        )

    @classmethod
    def _of_remote(cls, arrays: Mapping[str, RemoteArrays], manifest: ShardsManifest) -> "Shards":
        """What `shards.json` says stands for the files until they are read."""
        tokens, sentences, documents = (
            [getattr(shard, f"num_{unit}") for shard in manifest.shards]
            for unit in ("tokens", "sentences", "documents")
        )
        return cls(
            manifest.vocab_size,
            arrays["ids"],
            tokens,
            Offsets(arrays["sentences"], sentences, tokens),
            Offsets(arrays["documents"], documents, sentences),
            _languages(manifest, {index: {} for index in range(len(manifest.shards))}),
        )

    @staticmethod
    def size(folder: Path) -> int:
        """Bytes of all files of a folder of shards, wherever they lie."""
        manifest = read_manifest(folder)
        shards = range(len(manifest.shards))
        return sum(manifest.num_bytes(index, kind) for index in shards for kind in manifest.kinds)

    @property
    def lie_elsewhere(self) -> bool:
        """Whether files are fetched when they are read."""
        return isinstance(self._ids, RemoteArrays)

    @property
    def num_tokens(self) -> int:
        return int(self._first_token[-1])

    @property
    def num_sentences(self) -> int:
        return len(self.sentences)

    @property
    def num_documents(self) -> int:
        return len(self.documents)

    def document_of(self, sentences: Int[np.ndarray, " sentences"]) -> Int[np.ndarray, " sentences"]:
        """The document that each sentence belongs to."""
        return self.documents.search(sentences, "right") - 1

    def language_of(self, tokens: Int[np.ndarray, "*places"]) -> Int64[np.ndarray, "*places"]:
        """The place in `languages` of each token's document."""
        assert self._languages is not None
        documents = self.document_of(self.sentences.search(tokens.ravel(), "right") - 1)
        return self._languages.of_documents(documents).reshape(tokens.shape)

    def first_documents(self) -> Int64[np.ndarray, " bounds"] | None:
        """Where the documents of each language begin, with the end of the last; None where they are not grouped."""
        return self._languages.bounds if isinstance(self._languages, GroupedLanguages) else None

    def take_ranges(
        self, starts: Int[np.ndarray, " ranges"], lengths: Int[np.ndarray, " ranges"]
    ) -> UInt[np.ndarray, " tokens"]:
        """Ids of the token ranges, one after the other. A range lies within one document."""
        if len(self._ids) == 1:
            return np.asarray(self._ids[0][flat_ranges(starts, lengths)])
        # read shard by shard, in the order of the shards, then put the ranges back in the order asked for
        groups = by_shard(self._first_token, starts)
        parts = [
            self._ids[shard][flat_ranges(starts[inside] - self._first_token[shard], lengths[inside])]
            for shard, inside in groups
        ]
        order = np.concatenate([inside for _, inside in groups])
        places = np.empty_like(lengths)
        places[order] = np.cumsum(lengths[order]) - lengths[order]
        return np.asarray(np.concatenate(parts)[flat_ranges(places, lengths)])

    def tokens_by_language(self) -> dict[str, int]:
        """How many tokens each language has; empty where documents are not grouped by it."""
        bounds = self.first_documents()
        if bounds is None:
            return {}
        sizes = np.diff(self.sentences.at(self.documents.at(bounds)))
        return dict(zip(self.languages, sizes.tolist(), strict=True))

    @cached_property
    def token_counts(self) -> Int64[np.ndarray, " vocab_size"]:
        """How often each id occurs, in bounded memory; the text is read once."""
        counts = np.zeros(self.vocab_size, np.int64)
        for shard in range(len(self._ids)):
            ids = self._ids[shard]
            for start in range(0, len(ids), _COUNT_TOKENS):
                counts += np.bincount(ids[start : start + _COUNT_TOKENS], minlength=self.vocab_size)
        return counts

    def unigram_entropy(self) -> float:
        """Entropy of the token frequencies, in nats per token: the loss of a model that knows only those."""
        assert self.num_tokens
        frequencies: Float64[np.ndarray, " seen"] = self.token_counts / self.num_tokens
        frequencies = frequencies[frequencies > 0]
        return float(-(frequencies * np.log(frequencies)).sum())


def flat_ranges(
    starts: Int[np.ndarray, " ranges"], lengths: Int[np.ndarray, " ranges"]
) -> Int64[np.ndarray, " tokens"]:
    """The indices of the ranges `start : start + length`, one after the other."""
    ends = np.cumsum(lengths)
    index = np.repeat(starts - (ends - lengths), lengths)
    index += np.arange(index.size)
    return index


def _languages(
    manifest: ShardsManifest, arrays: Mapping[int, Mapping[str, UInt[np.ndarray, " _"]]]
) -> Languages | None:
    """The languages of the documents of those shards that there are."""
    if manifest.languages is None:
        return None
    if manifest.language_documents is None:
        return ScatteredLanguages(manifest.languages, [shard[LANGUAGES] for shard in arrays.values()])
    sizes = [shard.num_documents for shard in manifest.shards]
    return GroupedLanguages.of_shards(manifest.languages, manifest.language_documents, sizes, list(arrays))
