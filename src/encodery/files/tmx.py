"""Translation Memory eXchange (TMX 1.1 to 1.4b): units, each with the same text in several languages."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from encodery.errors import UserError
from encodery.files.language_tags import best_pair
from encodery.files.markup import Event, xml_events

MAX_SEGMENT_CHARACTERS = 1 << 20
_CODES = frozenset(("bpt", "ept", "it", "ph", "ut"))
"""What is in these is markup of the original document, not its text; `hi` only sets text off."""


@dataclass
class _Unit:
    """A `<tu>` that is being read."""

    line: int
    texts: dict[str, str] = field(default_factory=dict)
    """By the language tag, as it stands; of several with the same, the first."""
    language: str = ""
    parts: list[str] | None = None
    """The text of the `<seg>` that is open."""
    size: int = 0
    codes: int = 0
    """How many elements are open whose text does not count."""


def read_tmx(
    stream: io.BufferedReader, name: str, languages: tuple[str, str]
) -> Iterator[tuple[int, str | None, str | None]]:
    """The line of each unit with its text in the two languages; None where it has none in a language.

    Of several variants of a language (`pt-BR`, `pt-PT`) the one that is asked for counts, else the first.

    Raises:
        UserError: not a TMX file, not well-formed, entities, a text over a million characters, or no unit has a
            text in one of the languages.
    """
    unit: _Unit | None = None
    seen: dict[str, None] = {}
    found = [0, 0]
    root = ""
    for event in xml_events(stream, name):
        root = root or event.value
        if root != "tmx":
            raise UserError(f"{name}:{event.line}: the first element is <{root:.40}>, in a TMX file it is <tmx>")
        if event.kind == "start" and event.value == "tu":
            unit = _Unit(event.line)
        elif unit is None:
            continue
        elif event.kind == "end" and event.value == "tu":
            source, target = (unit.texts.get(tag) for tag in best_pair(languages, tuple(unit.texts)))
            seen.update(dict.fromkeys(unit.texts))
            found = [count + (text is not None) for count, text in zip(found, (source, target), strict=True)]
            yield unit.line, source, target
            unit = None
        else:
            _take(unit, event, name)
    for language, count in zip(languages, found, strict=True):
        if not count:
            known = ", ".join(seen) or "none"
            raise UserError(f"{name}: no text is in the language {language!r:.40}; the file has {known[:80]}")


def _take(unit: _Unit, event: Event, name: str) -> None:
    """One event inside of a unit."""
    kind, value = event.kind, event.value
    if kind == "start" and value == "tuv":
        unit.language = event.attributes.get("xml:lang") or event.attributes.get("lang") or ""
    elif kind == "start" and value == "seg":
        unit.parts, unit.size, unit.codes = [], 0, 0
    elif kind == "end" and value == "seg" and unit.parts is not None:
        unit.texts.setdefault(unit.language, " ".join("".join(unit.parts).split()))
        unit.parts = None
    elif value in _CODES and kind != "text":
        unit.codes += 1 if kind == "start" else -1
    elif kind == "text" and unit.parts is not None and not unit.codes:
        unit.size += len(value)
        if unit.size > MAX_SEGMENT_CHARACTERS:
            raise UserError(f"{name}:{event.line}: a text over {MAX_SEGMENT_CHARACTERS:,} characters; break it up")
        unit.parts.append(value)
