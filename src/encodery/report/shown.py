"""What there is to see of a prediction, whatever the task: a text with parts of it marked, bars, a line of words.

Read from the record and the prediction alone, by the keys that they have (docs/design.md, the record forms), so that
predictions can be shown that come from a file. How it looks is the business of `predictions` and `terminal`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from encodery.data.tagged import joined
from encodery.report.svg import SERIES_COLORS

LONG = 2000
"""Characters of a text; of longer ones only what is near a marked part is shown."""
NEAR = 120
MOST_BARS = 5
NUMBERS = 4
"""How many of a vector's numbers are shown."""


@dataclass(frozen=True)
class Span:
    """Characters of a text, and what is said of them."""

    start: int
    end: int
    label: str
    score: float | None = None


@dataclass(frozen=True)
class Bar:
    """A share of 1 that a label got."""

    label: str
    score: float
    chosen: bool


@dataclass(frozen=True)
class Shown:
    """One record with its prediction; what is empty leaves no trace."""

    text: str
    spans: Sequence[Span] = ()
    before: str = ""
    """A question about the text."""
    after: str = ""
    """The second text of a pair, or the translation."""
    bars: Sequence[Bar] = ()
    words: str = ""


class Colors(dict[str, str]):
    """A colour for each label, in the order in which they are asked for; they repeat after six."""

    def __missing__(self, label: str) -> str:
        self[label] = color = SERIES_COLORS[len(self) % len(SERIES_COLORS)]
        return color


def show(record: str | Mapping[str, Any], prediction: Mapping[str, Any]) -> Shown:
    """What there is to see; of keys that are not known, the values as JSON."""
    values = {"text": record} if isinstance(record, str) else record
    tokens = values.get("tokens")
    text = (
        joined([*map(str, tokens)])[0] if isinstance(tokens, list) else values.get("context", values.get("text", ""))
    )
    words = [_words(prediction)]
    if prediction.get("truncated"):
        words.append("the text was too long: some of it was left out")
    return Shown(
        text=str(text),
        spans=[span for span in _spans(prediction) if 0 <= span.start < span.end <= len(str(text))],
        before=str(values.get("question") or ""),
        after=str(prediction.get("translation") or values.get("text_pair") or ""),
        bars=sorted(_bars(values, prediction), key=lambda bar: -bar.score)[:MOST_BARS],
        words=" · ".join(filter(None, words)),
    )


def _spans(prediction: Mapping[str, Any]) -> list[Span]:
    """Entities, or the answer to a question."""
    if prediction.get("answer") is not None:
        return [Span(prediction["start"], prediction["end"], "answer", prediction.get("score"))]
    return [Span(e["start"], e["end"], e["label"], e.get("score")) for e in prediction.get("entities", ())]


def _bars(record: Mapping[str, Any], prediction: Mapping[str, Any]) -> list[Bar]:
    """Probabilities of labels, of choices, or of words in the place of a mask."""
    if "predictions" in prediction:
        return [Bar(p["token"], p["score"], place == 0) for place, p in enumerate(prediction["predictions"])]
    scores, label = prediction.get("scores"), prediction.get("label")
    if isinstance(scores, list):
        choices = record.get("choices", range(len(scores)))
        return [Bar(str(c), s, place == label) for place, (c, s) in enumerate(zip(choices, scores, strict=False))]
    if not isinstance(scores, dict) or isinstance(label, float):
        return []
    chosen = label if isinstance(label, list) else [label]
    return [Bar(name, score, name in chosen) for name, score in scores.items()]


def _words(prediction: Mapping[str, Any]) -> str:
    """What is neither a part of the text nor a bar."""
    if "answer" in prediction:
        return "" if prediction["answer"] is not None else "no answer"
    if "entities" in prediction:
        return "" if prediction["entities"] else "no entities"
    if "embedding" in prediction:
        vector = prediction["embedding"]
        first = ", ".join(f"{number:.3f}" for number in vector[:NUMBERS])
        return f"{len(vector)} numbers: {first}{', …' if len(vector) > NUMBERS else ''}"
    if "translation" in prediction:
        return f"{prediction.get('score', 0.0):.3f} a token" if prediction["translation"] else "empty"
    label = prediction.get("label")
    if isinstance(label, float):
        return f"{label:.3f}"
    if label == []:
        return "no label"
    known = {"label", "score", "scores", "predictions", "truncated"}
    rest = {key: value for key, value in prediction.items() if key not in known}
    return json.dumps(rest, ensure_ascii=False, default=str) if rest and "label" not in prediction else ""


def pieces(shown: Shown) -> Iterator[tuple[str, Span | None]]:
    """The text in parts that are marked and parts that are not; of a long one, only what is near a mark.

    Of spans that overlap the first is shown.
    """
    text, at = shown.text, 0
    is_long = len(text) > LONG
    spans = sorted(shown.spans, key=lambda span: (span.start, -span.end))
    if is_long and not spans:
        yield f"{text[:LONG]} …", None
        return
    for span in spans:
        if span.start < at:
            continue
        gap = text[at : span.start]
        yield _shortened(gap, 0 if at == 0 else NEAR, NEAR) if is_long else gap, None
        yield text[span.start : span.end], span
        at = span.end
    yield _shortened(text[at:], NEAR, 0) if is_long else text[at:], None


def _shortened(gap: str, first: int, last: int) -> str:
    if len(gap) <= first + last:
        return gap
    return f"{gap[:first]} … {gap[len(gap) - last :]}"
