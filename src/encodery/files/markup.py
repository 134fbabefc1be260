"""XML as a stream of events, from files that nobody vouches for.

Nothing outside the file is read and nothing in it is defined: entities, the means of XML bombs and of reading other
files, are refused where they are declared (XML's own five are known without that). Memory is bounded by one tag.
"""

import io
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from xml.parsers import expat

from encodery.errors import UserError
from encodery.files.streams import reading

MAX_TAG_BYTES = 1 << 20
MAX_DEPTH = 256
_CHUNK_BYTES = 1 << 16


class Event(NamedTuple):
    """The start of an element, its end, or text between tags (in any number of pieces)."""

    kind: str
    """`start`, `end` or `text`."""
    value: str
    """The name of the element, or the text."""
    attributes: Mapping[str, str]
    """Of a start; empty otherwise."""
    line: int
    """Where the tag begins, or the text ends."""


def xml_events(stream: io.BufferedReader, name: str) -> Iterator[Event]:
    """What an XML file holds, in order; in any encoding that it declares.

    Raises:
        UserError: not well-formed, an entity is declared or used that XML does not have, a tag over 1 MiB, elements
            nested 256 deep; or the file is broken.
    """
    with reading(name):
        reader = _Reader(name)
        fed = 0
        while chunk := stream.read(_CHUNK_BYTES):
            fed += len(chunk)
            yield from reader.feed(chunk)
            if fed - reader.position > MAX_TAG_BYTES:
                raise UserError(f"{name}:{reader.line}: a tag over {MAX_TAG_BYTES >> 20} MiB; this is no text in XML")
        yield from reader.feed(b"", last=True)


class _Reader:
    """Expat with the doors shut."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._events: list[Event] = []
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = self._entity
        self._parser.SkippedEntityHandler = self._entity
        self._parser.ExternalEntityRefHandler = self._entity

    @property
    def position(self) -> int:
        """The byte that the last event began at."""
        return self._parser.CurrentByteIndex

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def feed(self, chunk: bytes, last: bool = False) -> list[Event]:
        """The events that are complete with these bytes."""
        self._events = []
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise UserError(
                f"{self._name}:{error.lineno}: not well-formed XML ({reason}, column {error.offset}); repair the "
                "file or fetch it again"
            ) from None
        except (LookupError, ValueError) as error:  # an encoding that Python does not know, or of several bytes
            raise UserError(f"{self._name}: unknown encoding ({error}); convert the file to UTF-8") from None
        return self._events

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UserError(
                f"{self._name}:{self.line}: elements nested over {MAX_DEPTH} deep; this is no text in XML"
            )
        self._events.append(Event("start", tag, attributes, self.line))

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self._events.append(Event("end", tag, {}, self.line))

    def _text(self, text: str) -> None:
        self._events.append(Event("text", text, {}, self.line))

    def _entity(self, name: str | None, *_: object) -> int:
        raise UserError(
            f"{self._name}:{self.line}: the entity {name!s:.80} is declared or used; only &lt; &gt; &amp; &quot; "
            "&apos; and characters by number are allowed; write its text instead"
        )
