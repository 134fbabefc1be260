"""From the logits of windows to what may be said to a question: spans of characters, or that there is no answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from pydantic import Field, PositiveInt

from encodery.config import Config
from encodery.data.scripts import whole
from encodery.tasks.spans import Logits, TokenSpan, best_spans, null_score
from encodery.tasks.windows import Encoded

CANDIDATES = 20
"""Spans that probabilities are taken over, beside "no answer" (`n_best_size` of the official script)."""
_END = itemgetter(1)
NO_ANSWER: Mapping[str, Any] = {"answer": None, "start": None, "end": None}


class Answering(Config):
    """What is taken for an answer."""

    max_answer_tokens: PositiveInt = 30
    """Of an answer; a longer one is not looked for."""
    n_best: PositiveInt | None = Field(default=None, le=1000)
    """So many candidates stand in a prediction as `n_best`; none if not given."""
    no_answer_threshold: float | None = Field(default=None)
    """There is no answer where the logits of "no answer" are higher than those of the best span by more than this
    (`null_score_diff_threshold`). If not given: tuned on the dev file for the best F1 (0 without one) where the
    training file has questions without an answer, and where it has none, every question is answered."""


@dataclass(frozen=True)
class Found:
    """What may be said to a question: predictions in the record form, the best span first."""

    none: dict[str, Any]
    spans: list[dict[str, Any]]

    @property
    def no_answer(self) -> float:
        """How much higher the logits of "no answer" are than those of the best span; without any span as high as such
        a number can be."""
        tiny = np.finfo(np.float64).tiny
        best = self.spans[0]["score"] if self.spans else 0.0
        return float(np.log(max(self.none["score"], tiny)) - np.log(max(best, tiny)))


def find_answers(context: str, encoded: Encoded, outputs: Sequence[Logits], rule: Answering) -> Found:
    """The best spans of a text, and "no answer", with probabilities: a softmax of the summed logits."""
    tokens = best_spans(encoded.windows, outputs, rule.max_answer_tokens, max(CANDIDATES, rule.n_best or 0))
    places: dict[tuple[int, int], float] = {}
    for span in tokens:
        start, end = _characters(context, encoded, span)
        if start < end:
            places.setdefault((start, end), span.score)
    scores = np.array([null_score(outputs), *places.values()])
    shares = np.exp(scores - scores.max())
    none, *others = (shares / shares.sum()).tolist()
    spans = [
        {"answer": context[start:end], "start": start, "end": end, "score": score}
        for (start, end), score in zip(places, others, strict=True)
    ]
    return Found({**NO_ANSWER, "score": none}, spans)


def _characters(context: str, encoded: Encoded, span: TokenSpan) -> tuple[int, int]:
    """The characters of a span; empty if there is nothing but white space."""
    offsets = encoded.offsets[span.first : span.last + 1]
    return whole(context, offsets[0][0], max(map(_END, offsets)))
