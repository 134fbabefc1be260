"""From ranges of corpus tokens to packed sequences with their special tokens.

A sequence is `[CLS] A [SEP]`, `[CLS] A [SEP] B [SEP]`, or goes on with more parts of the kind.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from encodery.data.shards import Shards, flat_ranges
from encodery.data.spans import Segments


def num_special_tokens(parts: int) -> int:
    """Special tokens of a sequence of one or two parts."""
    return 1 + parts


@dataclass(frozen=True)
class PackedText:
    """Packed sequences before corruption: `tokens` counts special tokens too, `text` only those of the corpus."""

    input_ids: Int64[np.ndarray, " tokens"]
    position_ids: Int64[np.ndarray, " tokens"]
    token_type_ids: Int64[np.ndarray, " tokens"] | None
    """0 for A and its special tokens, 1 for B and its `[SEP]`; None without pairs."""
    language_ids: Int64[np.ndarray, " tokens"] | None
    """The language of a part, for its special tokens too; None where none is asked for."""
    bounds: Int64[np.ndarray, " boundaries"]
    """Sequence `i` is `bounds[i] : bounds[i + 1]` of the tokens."""
    text_ids: Int64[np.ndarray, " text"]
    """Ids of the corpus tokens."""
    text_index: Int64[np.ndarray, " text"]
    """Where they are among the tokens."""
    text_bounds: Int64[np.ndarray, " boundaries"]
    """Sequence `i` has the corpus tokens `text_bounds[i] : text_bounds[i + 1]`."""
    sentence_starts: Int64[np.ndarray, " sentences"] | None = None
    """The corpus tokens with which a sentence begins; None where they are not asked for."""


def lay_out(
    shards: Shards,
    segments: Segments,
    cls_token_id: int,
    sep_token_id: int,
    language_ids: Int64[np.ndarray, " languages"] | None = None,
    with_sentences: bool = False,
) -> PackedText:
    """Read the segments and put them between their special tokens. `language_ids`: for each of the shards' languages,
    the number that the model knows it by. `with_sentences` asks for `sentence_starts`."""
    num_sequences, parts = segments.lengths.shape
    lengths = segments.lengths.ravel()
    # a part is its text and a [SEP]; the first one of a sequence also has the [CLS]
    sizes = segments.lengths + (segments.lengths > 0)
    sizes[:, 0] += 1
    ends = np.cumsum(sizes)
    bounds = np.concatenate([[0], ends[parts - 1 :: parts]])
    text_index = flat_ranges(ends - 1 - lengths, lengths)
    text_ids = shards.take_ranges(segments.starts.ravel(), lengths).astype(np.int64)
    input_ids = np.empty(bounds[-1], np.int64)
    input_ids[text_index] = text_ids
    input_ids[bounds[:-1]] = cls_token_id
    input_ids[ends - 1] = sep_token_id
    token_types = np.tile(np.arange(parts), num_sequences)
    return PackedText(
        input_ids=input_ids,
        position_ids=flat_ranges(np.zeros_like(bounds[1:]), np.diff(bounds)),
        token_type_ids=np.repeat(token_types, sizes.ravel()) if parts > 1 and segments.are_pairs else None,
        language_ids=None if language_ids is None else _languages(shards, segments, sizes, language_ids),
        bounds=bounds,
        text_ids=text_ids,
        text_index=text_index,
        text_bounds=np.concatenate([[0], np.cumsum(lengths)[parts - 1 :: parts]]),
        sentence_starts=_sentence_starts(shards, segments) if with_sentences else None,
    )


def _sentence_starts(shards: Shards, segments: Segments) -> Int64[np.ndarray, " sentences"]:
    """Where sentences begin, counted among the corpus tokens of all segments."""
    starts, lengths = segments.starts.ravel(), segments.lengths.ravel()
    first = shards.sentences.search(starts, "left")
    count = shards.sentences.search(starts + lengths, "left") - first
    moved = np.cumsum(lengths) - lengths - starts
    return np.asarray(shards.sentences.at(flat_ranges(first, count)) + np.repeat(moved, count))


def _languages(
    shards: Shards,
    segments: Segments,
    sizes: Int64[np.ndarray, "sequences parts"],
    language_ids: Int64[np.ndarray, " languages"],
) -> Int64[np.ndarray, " tokens"]:
    """A part lies in one document, so in one language."""
    return np.repeat(language_ids[shards.language_of(segments.starts)].ravel(), sizes.ravel())
