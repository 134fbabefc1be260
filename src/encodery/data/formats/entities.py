"""Entities as tools export them: checked against their text, their offsets brought to code points.

Tools that run in a browser count UTF-16 units, in which characters beyond U+FFFF (emoji, rare Chinese characters,
historic scripts) are two; older exports of Label Studio and doccano do. Where an export states the entity's text,
that settles it.
"""

from collections.abc import Sequence
from typing import Any

from encodery.errors import UserError
from encodery.files.records import Record


def entity(source: str, start: Any, end: Any, label: Any, extra: Record | None = None) -> Record:
    """An entity of the public form; the tool's other keys behind it.

    Raises:
        UserError: an offset that is no whole number, a label that is no text.
    """
    for name, offset in (("start", start), ("end", end)):
        if isinstance(offset, bool) or not isinstance(offset, int):
            raise UserError(
                f"{source}: an entity has the {name} {offset!r:.80}; offsets are whole numbers of characters"
            )
    if not isinstance(label, str):
        hint = "; export with the names of labels" if isinstance(label, int) else ""
        raise UserError(f"{source}: the entity {start}:{end} has the label {label!r:.80}, which is no text{hint}")
    return {"start": start, "end": end, "label": label, **(extra or {})}


def located(
    source: str, text: str, entities: list[Record], stated: Sequence[str | None] = (), check: bool = True
) -> list[Record]:
    """The entities with code point offsets.

    Args:
        stated: the text of each entity by the export, where it says so.
        check: refuse what does not fit; otherwise it is handed on as it is.

    Raises:
        UserError: an entity is empty or outside the text, or its stated text is not there, by either way to count.
    """
    stated = stated or [None] * len(entities)
    fault = _first_fault(text, entities, stated)
    if fault is None:
        return entities
    converted = _from_utf16(text, entities)
    if converted is not None and any(stated) and _first_fault(text, converted, stated) is None:
        return converted
    if check:
        suspicion = "; or do its offsets count UTF-16 units?" if converted is not None and not any(stated) else ""
        raise UserError(f"{source}: {fault}; repair or remove the entity{suspicion}")
    return entities


def _first_fault(text: str, entities: list[Record], stated: Sequence[str | None]) -> str | None:
    for place, said in zip(entities, stated, strict=True):
        start, end = place["start"], place["end"]
        what = f"the entity {start}:{end} ({place['label']})"
        if not 0 <= start < end <= len(text):
            reason = "is empty" if 0 <= start == end <= len(text) else "is not within"
            return f"{what} {reason}{f' the text of {len(text)} characters' if reason == 'is not within' else ''}"
        if said is not None and _plain(said) != _plain(text[start:end]):
            return f"{what} should be {said!r:.80}, but {text[start:end]!r:.80} stands there"
    return None


def _plain(text: str) -> str:
    """Without white space: tools trim it, and write line breaks in ways of their own."""
    return "".join(text.replace("\\n", "\n").split())


def _from_utf16(text: str, entities: list[Record]) -> list[Record] | None:
    """Offsets in UTF-16 units as code points, or None where that makes no difference or no sense."""
    if text.isascii() or max(text) <= "\uffff":
        return None
    units = {0: 0}
    at = 0
    for point, character in enumerate(text, start=1):
        at += 2 if character > "\uffff" else 1
        units[at] = point
    if any(place[edge] not in units for place in entities for edge in ("start", "end")):
        return None
    return [{**place, "start": units[place["start"]], "end": units[place["end"]]} for place in entities]
