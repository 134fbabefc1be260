"""Tags of words to spans, by the lenient rule of conlleval: whatever a model says is read as some entity."""

from collections.abc import Sequence

from encodery.data.formats.tags import spans_of_tags
from encodery.errors import UserError

Span = tuple[int, int, str]
"""Start, end (half-open) and label; of characters or of words."""


def chunks(tags: Sequence[str]) -> list[Span]:
    """Spans of words from IOB1, IOB2, IOBES or BILOU tags, as conlleval and `seqeval` (default mode) read them: a
    word goes on with the entity before it if its tag is I or E, that one's B or I, and both have the same label;
    any other tag but O begins one. A tag without a label has the label `_`.

    Raises:
        UserError: a tag of another kind.
    """
    return [(span.start, span.stop, span.label) for span in spans_of_tags([_checked(tag) for tag in tags])]


def _checked(tag: str) -> str:
    kind, _, label = tag.partition("-")
    if kind not in {"O", "B", "I", "E", "S", "L", "U"}:
        raise UserError(f"tag = {tag!r:.80}: a tag is O, or one of B, I, E, S, L, U with a label, as B-PER")
    return tag if label or kind == "O" else f"{kind}-_"
