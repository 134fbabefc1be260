"""Where each character of a normalised text comes from.

`tokenizers` loses the second half of what its compiled SentencePiece normaliser composes ("a" and a tilde), so its
offsets are not used where normalisation changed anything: the text is cut where characters cannot interact, and the
normaliser itself says what becomes of each part.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

Span = tuple[int, int]

# Besides marks, what is never the start of a cluster: joiners, Hangul letters, half-width voicing marks, skin tones.
_JOINING = re.compile(r"[\u200c\u200d\u1160-\u11ff\ud7b0-\ud7ff\uff9e\uff9f\U0001f3fb-\U0001f3ff]")
# Marks that are written before what they belong to (Unicode's grapheme class Prepend).
_PREPENDED = re.compile(r"[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd]")
_WORD = re.compile(r"\r\n|\s|\S+")


def align(text: str, normalize: Callable[[str], str]) -> list[Span]:
    """For each character of `normalize(text)` the half-open span of `text` that it came from.

    As narrow as can be told: a character of its own, else its cluster, else the word, else the whole text.
    """
    normalized = normalize(text)
    if normalized == text:
        return [(index, index + 1) for index in range(len(text))]
    for cut in (_clusters, _WORD.findall):
        parts = cut(text)
        changed = [normalize(part) for part in parts]
        if "".join(changed) == normalized:
            return _spans(parts, changed)
    return [(0, len(text))] * len(normalized)


def carried_back(spans: Sequence[Span], sources: Sequence[Span], length: int) -> list[Span]:
    """Spans of a normalised text as spans of the text of `length` characters that it came from (`align` gives the
    `sources`). An empty span stays empty, before what follows it."""
    carried = []
    for first, last in spans:
        covered = sources[first:last]
        start = min(covered)[0] if covered else sources[first][0] if first < len(sources) else length
        carried.append((start, max((end for _, end in covered), default=start)))
    return carried


def _clusters(text: str) -> list[str]:
    starts = [
        index
        for index, character in enumerate(text)
        if not (
            index
            and (_extends(character) or text[index - 1 : index + 1] == "\r\n" or _PREPENDED.match(text, index - 1))
        )
    ]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _extends(character: str) -> bool:
    return unicodedata.category(character).startswith("M") or _JOINING.match(character) is not None


def _spans(parts: list[str], changed: list[str]) -> list[Span]:
    spans: list[Span] = []
    start = 0
    for part, new in zip(parts, changed, strict=True):
        end = start + len(part)
        spans += [(start + i, start + i + 1) for i in range(len(part))] if new == part else [(start, end)] * len(new)
        start = end
    return spans
