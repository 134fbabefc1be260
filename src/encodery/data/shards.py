"""Token shards: the corpus as ids on disk, read through memory maps as if it were one array.

Several shards read exactly as one: every index and every offset here counts over the whole corpus.
`shard_format` describes the files, `shard_writer` writes them.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int, Int64, UInt

from encodery.data.shard_checks import check_contents
from encodery.data.shard_format import LANGUAGES, ShardsManifest, read_manifest
from encodery.data.shard_languages import GroupedLanguages, Languages, ScatteredLanguages
from encodery.errors import UserError

_COUNT_TOKENS = 1 << 22


class Offsets:
    """Ascending starts spread over shards, with one end after the last; `parts` are relative to their shard."""

    def __init__(self, parts: list[Int64[np.ndarray, " _"]]) -> None:
        self._parts = parts
        self._first_index = np.cumsum([0, *(len(part) - 1 for part in parts)])
        self._first_value = np.cumsum([0, *(part[-1] for part in parts)])

    def __len__(self) -> int:
        """Number of items (starts, not counting the end)."""
        return int(self._first_index[-1])

    @property
    def end(self) -> int:
        """Where the last item ends."""
        return int(self._first_value[-1])

    def at(self, index: Int[np.ndarray, " items"]) -> Int[np.ndarray, " items"]:
        """Start of each item; `len(self)` gives the end of the last."""
        if len(self._parts) == 1:
            return np.asarray(self._parts[0][index])
        starts = np.empty_like(index)
        for shard, inside in _by_shard(self._first_index, index):
            starts[inside] = self._parts[shard][index[inside] - self._first_index[shard]]
            starts[inside] += self._first_value[shard]
        return starts

    def search(
        self, values: Int[np.ndarray, " values"], side: Literal["left", "right"]
    ) -> Int[np.ndarray, " values"]:
        """How many items start before each value ("left"), or before or at it ("right")."""
        if len(self._parts) == 1:
            return np.searchsorted(self._parts[0][:-1], values, side)
        counts = np.empty_like(values)
        for shard, inside in _by_shard(self._first_value, values):
            local = values[inside] - self._first_value[shard]
            counts[inside] = np.searchsorted(self._parts[shard][:-1], local, side)
            counts[inside] += self._first_index[shard]
        return counts


class Shards:
    """A corpus of token ids: documents of sentences of tokens."""

    def __init__(
        self,
        vocab_size: int,
        ids: list[UInt[np.ndarray, " _"]],
        sentences: Offsets,
        documents: Offsets,
        languages: Languages | None = None,
        skipped: tuple[str, ...] = (),
    ) -> None:
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
        self._first_token = np.cumsum([0, *map(len, ids)])

    @classmethod
    def open(cls, folder: Path, verify: bool = False, skip_missing: bool = False) -> "Shards":
        """Map a folder of shards; `verify` also reads every byte and compares it with its recorded hash.
        `skip_missing` leaves out shards of which a file is missing or truncated, and notes them in `skipped`.

        Raises:
            UserError: a file is missing, truncated or (with `verify`) altered; names the file and the record. With
                `skip_missing`: no shard is whole.
        """
        manifest = read_manifest(folder)
        arrays, skipped = {}, []
        for index in range(len(manifest.shards)):
            try:
                arrays[index] = _map_shard(folder, manifest, index)
            except UserError as error:
                if not skip_missing:
                    raise
                skipped.append(str(error))
            else:
                if verify:
                    check_contents(folder, manifest, index, arrays[index])
        if skipped and not arrays:
            raise UserError(f"none of {len(skipped)} shards is whole; the first: {skipped[0]}")
        return cls(
            manifest.vocab_size,
            [shard["ids"] for shard in arrays.values()],
            Offsets([shard["sentences"].view(np.int64) for shard in arrays.values()]),
            Offsets([shard["documents"].view(np.int64) for shard in arrays.values()]),
            _languages(manifest, arrays),
            tuple(skipped),
        )

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
        groups = _by_shard(self._first_token, starts)
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
        for ids in self._ids:
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


def _by_shard(
    bounds: Int64[np.ndarray, " bounds"], keys: Int[np.ndarray, " keys"]
) -> list[tuple[int, Int64[np.ndarray, " _"]]]:
    """The shards (between `bounds`) that hold some of the keys, each with the places of the keys it holds."""
    shard = np.searchsorted(bounds[1:-1], keys, "right")
    order = np.argsort(shard, kind="stable")
    numbers, first = np.unique(shard[order], return_index=True)
    return list(zip(numbers.tolist(), np.split(order, first[1:]), strict=True))


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


def _map_shard(folder: Path, manifest: ShardsManifest, index: int) -> dict[str, UInt[np.ndarray, " _"]]:
    """Memory maps of one shard's files, whose sizes are what the manifest says."""
    return {
        # a plain array view: slicing np.memmap itself costs microseconds
        kind: np.asarray(np.memmap(manifest.check_size(folder, index, kind), manifest.record_type(kind), mode="r"))
        for kind in manifest.kinds
    }
