"""Tags of words to spans, by the lenient rule of conlleval: whatever a model says is read as some entity."""

from collections.abc import Sequence

from encodery.errors import UserError

Span = tuple[int, int, str]
"""Start, end (half-open) and label; of characters or of words."""
_SAME = {"L": "E", "U": "S"}  # BILOU's names of what IOBES calls E and S
_INSIDE = frozenset("IE")
_OPEN = frozenset("BI")


def chunks(tags: Sequence[str]) -> list[Span]:
    """Spans of words from IOB1, IOB2, IOBES or BILOU tags, as conlleval and `seqeval` (default mode) read them: a
    word goes on with the entity before it if its tag is I or E, that one's B or I, and both have the same label;
    any other tag but O begins one. A tag without a label has the label `_`.

    Raises:
        UserError: a tag of another kind.
    """
    spans: list[Span] = []
    before, label_before = "O", ""
    for i, tag in enumerate(tags):
        kind, label = _read(tag)
        if kind in _INSIDE and before in _OPEN and label == label_before:
            spans[-1] = (spans[-1][0], i + 1, label)
        elif kind != "O":
            spans.append((i, i + 1, label))
        before, label_before = kind, label
    return spans


def _read(tag: str) -> tuple[str, str]:
    kind, _, label = tag.partition("-")
    kind = _SAME.get(kind, kind)
    if kind not in {"O", "B", "I", "E", "S"}:
        raise UserError(f"tag = {tag!r:.80}: a tag is O, or one of B, I, E, S, L, U with a label, as B-PER")
    return kind, label or "_"
