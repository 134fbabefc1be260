"""The best spans of a text by the logits of their first and last tokens, over all windows of the text.

A span belongs to the window that its first token belongs to (the one in which that token has most context, Devlin et
al. 2019, `run_squad.py`), so that a span which two windows hold is scored once; it may end anywhere in that window.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

from encodery.tasks.windows import Window

Logits = Float32[np.ndarray, "tokens 2"]
"""Of each token of a sequence: as the first of the answer, as its last."""


class TokenSpan(NamedTuple):
    """Tokens of the sliding text, the last included."""

    first: int
    last: int
    score: float
    """The sum of both logits."""


def best_spans(windows: Sequence[Window], outputs: Sequence[Logits], max_tokens: int, count: int) -> list[TokenSpan]:
    """The `count` best spans of at most `max_tokens` tokens, best first; of equal ones the earlier, shorter one."""
    found: list[TokenSpan] = []
    for window, logits in zip(windows, outputs, strict=True):
        found += _best_of(window, logits, max_tokens, count)
    return sorted(found, key=lambda span: (-span.score, span.first, span.last))[:count]


def null_score(outputs: Sequence[Logits]) -> float:
    """Of "no answer": the least that a window gives its first token, for the text has an answer if one window has."""
    return min(float(logits[0].astype(np.float64).sum()) for logits in outputs)


def _best_of(window: Window, logits: Logits, max_tokens: int, count: int) -> list[TokenSpan]:
    if not window.num_own:
        return []
    place, shift = window.own, window.place - window.start
    scores = _sums(logits[place, 0], logits[place.start : window.stop + shift, 1], max_tokens)
    flat = scores.ravel()
    if count < len(flat):
        least = np.partition(flat, len(flat) - count)[len(flat) - count]
        kept = np.flatnonzero(flat >= least)  # with all that are equal to the last one: order is the caller's
    else:
        kept = np.arange(len(flat))
    first, length = np.divmod(kept[np.isfinite(flat[kept])], scores.shape[1])
    starts = (first + window.own_start).tolist()
    spans = zip(starts, length.tolist(), scores[first, length].tolist(), strict=True)
    return [TokenSpan(start, start + more, score) for start, more, score in spans]


def _sums(
    starts: Float32[np.ndarray, " own"], ends: Float32[np.ndarray, " rest"], max_tokens: int
) -> Float64[np.ndarray, "own lengths"]:
    """The score of each beginning with each end behind it, -inf behind the text; `ends` begin where `starts` do."""
    lengths = min(max_tokens, len(ends))
    padded = np.concatenate([ends.astype(np.float64), np.full(lengths, -np.inf)])
    behind = np.lib.stride_tricks.sliding_window_view(padded, lengths)[: len(starts)]
    sums: Float64[np.ndarray, "own lengths"] = starts.astype(np.float64)[:, None] + behind
    return sums
