"""Which stretch of the corpus is read when, as a pure function of (seed, place in the order).

An epoch reads the corpus through *windows* of `span` tokens. Each epoch shifts them by a jitter of its own and
visits them in a shuffled order of its own; epochs follow each other without end. Nothing is stored and nothing is
shuffled in memory, so any place in that endless order is found in constant time.

A window holds the sentences that start inside it, and is cut into *pieces* where one document ends and the next
begins: short documents come many to a window, and no sequence mixes two of them, unless that is asked for.

With `num_copies` the text is as if it had been prepared so many times beforehand and the copies were read in turn
(BERT's `dupe_factor`): epoch e has the pieces of epoch e mod `num_copies`, in an order of its own.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt64

from encodery.data.block_shuffle import BlockShuffle
from encodery.data.keyed_random import below, extend, keyed_uint64, permute, uniform
from encodery.data.shards import Shards, flat_ranges

_ORDER, _JITTER, _SHORT, _CUT = range(4)


@dataclass(frozen=True)
class Pieces:
    """Runs of whole sentences, each within one document unless windows cross them."""

    window: Int64[np.ndarray, " pieces"]
    """Place of the piece's window in the endless order."""
    document: Int64[np.ndarray, " pieces"]
    """That of the first sentence."""
    first: Int64[np.ndarray, " pieces"]
    """First sentence."""
    last: Int64[np.ndarray, " pieces"]
    """One past the last sentence."""
    key: Int64[np.ndarray, " pieces"]
    """Names the draws of the piece's window: its place, or what comes again when a copy of the text does."""

    def __len__(self) -> int:
        return len(self.window)


@dataclass(frozen=True)
class Segments:
    """Where the text of training sequences lies: token ranges, one or two (a pair) or any number per sequence."""

    starts: Int64[np.ndarray, "sequences parts"]
    lengths: Int64[np.ndarray, "sequences parts"]
    """The first part of a sequence has text; a later part of length 0 is not there."""
    are_pairs: bool = True
    """Whether token types tell the parts of a sequence apart."""


@dataclass(frozen=True)
class Windows:
    """The endless order of windows over a corpus."""

    shards: Shards
    span: int
    """Tokens per window."""
    seed: int
    short_sequence_probability: float = 0.0
    """How often a piece is cut in two, so that the model also learns short inputs (BERT, appendix A.2: 0.1)."""
    jitter: bool = True
    crosses_documents: bool = False
    """Leave a window one piece, whatever documents it holds."""
    max_sentences: int | None = None
    """Cut pieces into such with at most so many sentences."""
    num_copies: int = 0
    """How many epochs differ in more than their order; 0: all."""
    shuffle: BlockShuffle | None = None
    """How far apart windows may be that come together; None: anywhere in the corpus."""

    @property
    def num_windows(self) -> int:
        """Windows per epoch; with jitter, the first and the last are cut short by the edge of the corpus."""
        slack = self.span - 1 if self.jitter else 0
        return -(-(self.shards.num_tokens + slack) // self.span)

    def pieces(self, start: int, stop: int) -> Pieces:
        """The pieces of the windows at places `start : stop` of the endless order, in that order."""
        place = np.arange(start, stop)
        epoch, index = np.divmod(place, self.num_windows)
        index = self.shuffled(index, self.num_windows, keyed_uint64(self.seed, _ORDER, epoch))
        copy = self.copy_of(epoch)
        begin = index * self.span
        if self.jitter:
            begin -= below(keyed_uint64(self.seed, _JITTER, copy), self.span)
        key = copy * self.num_windows + index if self.num_copies else place
        return self.pieces_at(place, key, begin, 0, self.shards.num_tokens)

    def shuffled(
        self,
        index: Int64[np.ndarray, " windows"],
        size: int | Int64[np.ndarray, " windows"],
        seed: UInt64[np.ndarray, " windows"],
    ) -> Int64[np.ndarray, " windows"]:
        """Which window of an epoch of `size` is at each place of its shuffled order."""
        if self.shuffle is None:
            return permute(index, size, seed)
        return self.shuffle.permute(index, size, seed, self.span)

    def copy_of(self, epoch: Int64[np.ndarray, " windows"]) -> Int64[np.ndarray, " windows"]:
        """Which of the different epochs each one is."""
        return epoch % self.num_copies if self.num_copies else epoch

    def pieces_at(
        self,
        place: Int64[np.ndarray, " windows"],
        key: Int64[np.ndarray, " windows"],
        begin: Int64[np.ndarray, " windows"],
        low: int | Int64[np.ndarray, " windows"],
        high: int | Int64[np.ndarray, " windows"],
    ) -> Pieces:
        """The pieces of windows that begin at the tokens `begin`, each a part of the range `low : high`, in which
        sentences start and end; `key` names the draws within them."""
        pieces = self._whole(place, key, np.maximum(begin, low), np.minimum(begin + self.span, high))
        if not self.crosses_documents:
            pieces = self._cut_at_documents(pieces)
        if self.max_sentences:
            pieces = _cut_every(pieces, self.max_sentences)
        return self._cut_some_short(pieces) if self.short_sequence_probability else pieces

    def _whole(
        self,
        place: Int64[np.ndarray, " windows"],
        key: Int64[np.ndarray, " windows"],
        begin: Int64[np.ndarray, " windows"],
        end: Int64[np.ndarray, " windows"],
    ) -> Pieces:
        """The sentences that start in `begin : end`, across documents."""
        sentences = self.shards.sentences
        last = sentences.search(end, "left")
        # a window inside one long sentence would be empty: it takes that sentence, so that no batch is ever empty
        first = np.minimum(sentences.search(begin, "left"), last - 1)
        return Pieces(place, self.shards.document_of(first), first, last, key)

    def _cut_at_documents(self, pieces: Pieces) -> Pieces:
        """A piece for each document."""
        documents = self.shards.documents
        count = self.shards.document_of(pieces.last - 1) - pieces.document + 1
        document = flat_ranges(pieces.document, count)
        return Pieces(
            window=np.repeat(pieces.window, count),
            document=document,
            first=np.maximum(np.repeat(pieces.first, count), documents.at(document)),
            last=np.minimum(np.repeat(pieces.last, count), documents.at(document + 1)),
            key=np.repeat(pieces.key, count),
        )

    def _cut_some_short(self, pieces: Pieces) -> Pieces:
        """Cut each piece in two with `short_sequence_probability`, at a random boundary between its sentences."""
        draws = keyed_uint64(self.seed, _SHORT, pieces.key, pieces.document)
        inner = pieces.last - pieces.first - 1
        cut = (uniform(draws) < self.short_sequence_probability) & (inner > 0)
        middle = pieces.first + 1 + below(extend(draws, _CUT), np.maximum(inner, 1))
        count = 1 + cut
        source = np.repeat(np.arange(len(pieces)), count)
        second = np.diff(source, prepend=-1) == 0
        first = np.where(second, middle[source], pieces.first[source])
        return Pieces(
            window=pieces.window[source],
            document=self.shards.document_of(first) if self.crosses_documents else pieces.document[source],
            first=first,
            last=np.where(cut[source] & ~second, middle[source], pieces.last[source]),
            key=pieces.key[source],
        )


def _cut_every(pieces: Pieces, max_sentences: int) -> Pieces:
    """Cut the pieces into such of `max_sentences` sentences; the last of each has what is left."""
    count = -(-(pieces.last - pieces.first) // max_sentences)
    source = np.repeat(np.arange(len(pieces)), count)
    first = pieces.first[source] + max_sentences * flat_ranges(np.zeros_like(count), count)
    return Pieces(
        window=pieces.window[source],
        document=pieces.document[source],
        first=first,
        last=np.minimum(first + max_sentences, pieces.last[source]),
        key=pieces.key[source],
    )


def whole_segments(shards: Shards, pieces: Pieces, max_tokens: int) -> Segments:
    """Each piece as one sequence; what goes beyond `max_tokens` is left out (another epoch's jitter reaches it)."""
    start = shards.sentences.at(pieces.first)
    length = np.minimum(shards.sentences.at(pieces.last) - start, max_tokens)
    return Segments(starts=start[:, None], lengths=length[:, None])


def document_segments(shards: Shards, pieces: Pieces, max_tokens: int) -> Segments:
    """Each piece as one sequence, with a part for each document in it; what goes beyond `max_tokens` is left out.

    `max_tokens` is for the text and a separator between each two parts.
    """
    last_document = shards.document_of(pieces.last - 1)[:, None]
    document = pieces.document[:, None] + np.arange(1 + (last_document[:, 0] - pieces.document).max())
    shape, is_there = document.shape, document <= last_document
    document = np.minimum(document, last_document).ravel()
    first = np.maximum(pieces.first[:, None], shards.documents.at(document).reshape(shape))
    last = np.minimum(pieces.last[:, None], shards.documents.at(document + 1).reshape(shape))
    starts = shards.sentences.at(first.ravel()).reshape(shape)
    lengths = shards.sentences.at(last.ravel()).reshape(shape) - starts
    room = max_tokens - (np.cumsum(lengths + 1, axis=1) - (lengths + 1))
    return Segments(starts, np.where(is_there, np.clip(room, 0, lengths), 0), are_pairs=False)
