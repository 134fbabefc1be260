"""Texts that are divided alike and say how: XML with `<seg id="b.GEN.1.1" type="verse">`, as the Bible corpus has it
(Christodouloupoulos and Steedman, "A massively parallel corpus: the Bible in 100 languages", 2015)."""

import io
from collections.abc import Iterator

from encodery.errors import UserError
from encodery.files.markup import xml_events
from encodery.files.tmx import MAX_SEGMENT_CHARACTERS


def read_verses(stream: io.BufferedReader, name: str) -> Iterator[tuple[int, str, str]]:
    """The line, the id and the text of each verse, in the order of the file.

    Raises:
        UserError: not well-formed, entities, a verse without an id or over a million characters, an id that comes
            twice, or no verse at all.
    """
    seen: set[str] = set()
    parts: list[str] | None = None
    line = size = 0
    verse = ""
    for event in xml_events(stream, name):
        if event.kind == "start" and event.value == "seg" and event.attributes.get("type") == "verse":
            line, verse, parts, size = event.line, event.attributes.get("id", ""), [], 0
            if not verse or verse in seen:
                what = f"comes twice, id = {verse!r:.80}" if verse else "has no id"
                raise UserError(f"{name}:{line}: a verse {what}; verses are joined by it: repair the file")
            seen.add(verse)
        elif event.kind == "text" and parts is not None:
            size += len(event.value)
            if size > MAX_SEGMENT_CHARACTERS:
                raise UserError(f"{name}:{event.line}: a verse over {MAX_SEGMENT_CHARACTERS:,} characters")
            parts.append(event.value)
        elif event.kind == "end" and event.value == "seg" and parts is not None:
            yield line, verse, " ".join("".join(parts).split())
            parts = None
    if not seen:
        raise UserError(f'{name}: there is no <seg id="..." type="verse"> in it; set format = "txt" if it has lines')
