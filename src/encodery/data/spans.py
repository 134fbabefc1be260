"""Which stretch of the corpus is read when, as a pure function of (seed, place in the order).

An epoch reads the corpus through *windows* of `span` tokens. Each epoch shifts them by a jitter of its own and
visits them in a shuffled order of its own; epochs follow each other without end. Nothing is stored and nothing is
shuffled in memory, so any place in that endless order is found in constant time.

A window holds the sentences that start inside it, and is cut into *pieces* where one document ends and the next
begins: short documents come many to a window, and no sequence ever mixes two of them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from encodery.data.keyed_random import below, extend, keyed_uint64, permute, uniform
from encodery.data.shards import Shards, flat_ranges

_ORDER, _JITTER, _SHORT, _CUT = range(4)


@dataclass(frozen=True)
class Pieces:
    """Runs of whole sentences, each within one document."""

    window: Int64[np.ndarray, " pieces"]
    """Place of the piece's window in the endless order."""
    document: Int64[np.ndarray, " pieces"]
    first: Int64[np.ndarray, " pieces"]
    """First sentence."""
    last: Int64[np.ndarray, " pieces"]
    """One past the last sentence."""

    def __len__(self) -> int:
        return len(self.window)


@dataclass(frozen=True)
class Segments:
    """Where the text of training sequences lies: token ranges, one or two (a pair) per sequence."""

    starts: Int64[np.ndarray, "sequences parts"]
    lengths: Int64[np.ndarray, "sequences parts"]


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

    @property
    def num_windows(self) -> int:
        """Windows per epoch; with jitter, the first and the last are cut short by the edge of the corpus."""
        slack = self.span - 1 if self.jitter else 0
        return -(-(self.shards.num_tokens + slack) // self.span)

    def pieces(self, start: int, stop: int) -> Pieces:
        """The pieces of the windows at places `start : stop` of the endless order, in that order."""
        place = np.arange(start, stop)
        epoch, index = np.divmod(place, self.num_windows)
        index = permute(index, self.num_windows, keyed_uint64(self.seed, _ORDER, epoch))
        begin = index * self.span
        if self.jitter:
            begin -= below(keyed_uint64(self.seed, _JITTER, epoch), self.span)
        return self.pieces_at(place, begin, 0, self.shards.num_tokens)

    def pieces_at(
        self,
        place: Int64[np.ndarray, " windows"],
        begin: Int64[np.ndarray, " windows"],
        low: int | Int64[np.ndarray, " windows"],
        high: int | Int64[np.ndarray, " windows"],
    ) -> Pieces:
        """The pieces of windows that begin at the tokens `begin`, each a part of the range `low : high`, in which
        sentences start and end."""
        whole = self._cut_at_documents(place, np.maximum(begin, low), np.minimum(begin + self.span, high))
        return self._cut_some_short(whole) if self.short_sequence_probability else whole

    def _cut_at_documents(
        self,
        place: Int64[np.ndarray, " windows"],
        begin: Int64[np.ndarray, " windows"],
        end: Int64[np.ndarray, " windows"],
    ) -> Pieces:
        """The sentences that start in `begin : end`, a piece for each document they belong to."""
        sentences, documents = self.shards.sentences, self.shards.documents
        stop = sentences.search(end, "left")
        # a window inside one long sentence would be empty: it takes that sentence, so that no batch is ever empty
        start = np.minimum(sentences.search(begin, "left"), stop - 1)
        first_document = self.shards.document_of(start)
        count = self.shards.document_of(stop - 1) - first_document + 1
        document = flat_ranges(first_document, count)
        return Pieces(
            window=np.repeat(place, count),
            document=document,
            first=np.maximum(np.repeat(start, count), documents.at(document)),
            last=np.minimum(np.repeat(stop, count), documents.at(document + 1)),
        )

    def _cut_some_short(self, pieces: Pieces) -> Pieces:
        """Cut each piece in two with `short_sequence_probability`, at a random boundary between its sentences."""
        draws = keyed_uint64(self.seed, _SHORT, pieces.window, pieces.document)
        inner = pieces.last - pieces.first - 1
        cut = (uniform(draws) < self.short_sequence_probability) & (inner > 0)
        middle = pieces.first + 1 + below(extend(draws, _CUT), np.maximum(inner, 1))
        count = 1 + cut
        source = np.repeat(np.arange(len(pieces)), count)
        second = np.diff(source, prepend=-1) == 0
        return Pieces(
            window=pieces.window[source],
            document=pieces.document[source],
            first=np.where(second, middle[source], pieces.first[source]),
            last=np.where(cut[source] & ~second, middle[source], pieces.last[source]),
        )


def whole_segments(shards: Shards, pieces: Pieces, max_tokens: int) -> Segments:
    """Each piece as one sequence; what goes beyond `max_tokens` is left out (another epoch's jitter reaches it)."""
    start = shards.sentences.at(pieces.first)
    length = np.minimum(shards.sentences.at(pieces.last) - start, max_tokens)
    return Segments(starts=start[:, None], lengths=length[:, None])
