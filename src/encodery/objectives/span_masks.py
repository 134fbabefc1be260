"""Spans of words (Joshi et al. 2020, "SpanBERT", sec. 3.1): hidden together, until enough of a sequence is.

SpanBERT draws one span after the other: a length, and the word at which it begins. The same here, for all sequences
at once: every word begins a span, the spans come in the order of their words' draws, and a word is hidden when the
first span that reaches it has come before the budget is spent.
"""

from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64
from pydantic import Field

from encodery.config import Config
from encodery.data.keyed_random import extend, name, uniform
from encodery.objectives.words import Words

_LENGTH = 2
"""Names a draw behind that of a token, beside `masked._REPLACEMENT`."""
_BUDGET = name("span masks: budget")
"""Names a draw behind that of a sequence, beside the positions of its tokens."""
_RANK_BITS = 36
"""How much of a draw says which span comes first; the bits above are for the number of the sequence."""


class SpanTable(Config):
    """How long the spans are, in words."""

    p: float = Field(default=0.2, gt=0, lt=1)
    """Lengths are drawn from the geometric distribution with this parameter ..."""
    max_words: int = Field(default=10, ge=1, le=1000)
    """... cut off here and scaled to sum to one, as in SpanBERT's code: 3.8 words on average."""

    @cached_property
    def length_probabilities(self) -> Float64[np.ndarray, " lengths"]:
        """Of the lengths 1, 2, ..."""
        weights = (1 - self.p) ** np.arange(self.max_words)
        return np.asarray(weights / weights.sum())

    def lengths(self, draws: UInt64[np.ndarray, " words"]) -> Int64[np.ndarray, " words"]:
        """The length of the span that each of the draws names."""
        ends = np.cumsum(self.length_probabilities)[:-1]
        return 1 + np.searchsorted(ends, uniform(extend(draws, _LENGTH)), "right")


def first_spans(table: SpanTable, words: Words, draws: UInt64[np.ndarray, " words"]) -> UInt64[np.ndarray, " words"]:
    """The first span to reach each word, by the draw of the word at which it begins. None leaves its part."""
    part_starts = np.flatnonzero(words.opens_part)
    ends = np.append(part_starts[1:], len(draws))
    room = np.repeat(ends, ends - part_starts) - np.arange(len(draws))
    lengths = np.minimum(table.lengths(draws), room)
    reached = draws.copy()
    begins = np.arange(len(draws))
    for distance in range(1, int(lengths.max())):
        begins = begins[lengths[begins] > distance]
        reached[begins + distance] = np.minimum(reached[begins + distance], draws[begins])
    return reached


def within_budget(
    reached: UInt64[np.ndarray, " words"],
    counts: Int64[np.ndarray, " words"],
    first_words: Int64[np.ndarray, " boundaries"],
    budgets: Float64[np.ndarray, " sequences"],
    streams: UInt64[np.ndarray, " sequences"],
) -> Bool[np.ndarray, " words"]:
    """The words that are hidden before a sequence's budget of tokens is spent; `counts` is what each word costs.

    The word with which the budget is overdrawn is hidden with the probability that makes the mean exact.
    """
    sequence = np.repeat(np.arange(len(streams)), np.diff(first_words))
    # by sequence, then by span, then the words as they follow each other; one key is sorted faster than two
    rank = sequence.astype(np.uint64) << np.uint64(_RANK_BITS) | reached >> np.uint64(64 - _RANK_BITS)
    order = np.argsort(rank, kind="stable")
    counts = counts[order]
    spent = np.cumsum(counts) - counts
    spent -= spent[first_words[:-1]][sequence]
    rounding = uniform(extend(streams, _BUDGET))
    hidden = np.empty(len(order), bool)
    hidden[order] = spent + rounding[sequence] * counts < budgets[sequence]
    return hidden
