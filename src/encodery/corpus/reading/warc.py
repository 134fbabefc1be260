"""Records of WARC files (ISO 28500; WET is the same with extracted text) and of ARC files, whole ones only.

Each record says how long it is and is followed by two ends of line. Where one does not keep to that, the next header
is looked for; what lies between is named as damage.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from encodery.corpus.reading import arc
from encodery.corpus.reading.flow import Flow
from encodery.corpus.reading.members import pieces

MAX_RECORD_BYTES = 32 << 20
MAX_HEADER_BYTES = 1 << 16
_HEADER_END = re.compile(rb"\n(?:\r?\n|(?P<next>WARC/1\.))")
"""An empty line; the next record, if there is none."""
_END = re.compile(rb"\r?\n\r?\n|(?:\r?\n)?(?:WARC/|\Z)")
"""What may follow a record: two ends of line, and, as some writers have it, the next header or nothing."""
_END_BYTES = 7
_ARC_END = re.compile(rb"\r?\n|\Z")
_NEXT = b"\nWARC/1."
Report = Callable[[str, str], None]


class Record(NamedTuple):
    """A record as it lies in the file."""

    place: str
    """Its offset; see `Flow.place`."""
    header: Mapping[str, str]
    """Its fields by their names in lower case."""
    data: bytes
    """Header and content."""
    start: int
    """Where in `data` the content begins: text, or an HTTP message."""


class _BrokenRecordError(Exception):
    """Why a record cannot be read."""


def read_records(stream: Any, name: str, report: Report) -> Iterator[Record]:
    """The whole records of a file, in order; `report` is told of each damage: its place, and what is wrong.

    Args:
        stream: a readable binary file, compressed or not.
        name: what messages call it.

    Raises:
        UserError, OSError: as `pieces` does.
    """
    flow = Flow(pieces(stream, name, lambda offset, reason: report(str(offset), reason)))
    is_arc = False
    while flow.next_stretch():
        while _skip_blank(flow):
            place = flow.place(flow.at)
            is_arc = is_arc or (flow.need(len(arc.MAGIC)) and flow.peek(len(arc.MAGIC)) == arc.MAGIC)
            try:
                record = _arc_record(flow, place) if is_arc else _record(flow, place)
            except _BrokenRecordError as error:
                if not flow.broken:  # else it was cut by what has been reported
                    report(place, str(error))
                if is_arc:
                    arc.skip_to_line(flow)
                else:
                    flow.skip_to(_NEXT)
                continue
            yield record


def _skip_blank(flow: Flow) -> bool:
    """Go to the next byte that ends no line; False at the end of the stretch."""
    while True:
        while flow.at < len(flow.data) and flow.data[flow.at] in b"\r\n":
            flow.at += 1
        if flow.at < len(flow.data):
            return True
        if not flow.more():
            return False


def _record(flow: Flow, place: str) -> Record:
    """The record that begins here, and go behind it; if it is broken, stay."""
    header_bytes = _header_bytes(flow)
    head = flow.peek(header_bytes)
    header = fields(head.decode("utf-8", "replace"))
    length = header.get("content-length", "")
    if not re.fullmatch("[0-9]{1,18}", length):
        raise _BrokenRecordError(f"a record that does not say how long it is (Content-Length: {length!r:.40})")
    if (content_bytes := int(length)) > MAX_RECORD_BYTES:
        raise _BrokenRecordError(f"a record of {content_bytes:,} bytes; at most {MAX_RECORD_BYTES:,} are read")
    is_converted = b"\r" not in head
    size = _converted_size(flow, header_bytes) if is_converted else _size(flow, header_bytes, content_bytes)
    record = Record(place, header, flow.peek(size), header_bytes)
    flow.at += size
    return record


def _arc_record(flow: Flow, place: str) -> Record:
    """The same of an ARC file."""
    line = arc.arc_line(flow)
    if line is None:
        raise _BrokenRecordError(f"no record begins here: {flow.peek(20)!r}")
    if line.content_bytes > MAX_RECORD_BYTES:
        raise _BrokenRecordError(f"a record of {line.content_bytes:,} bytes; at most {MAX_RECORD_BYTES:,} are read")
    size = _size(flow, line.size, line.content_bytes, _ARC_END)
    data = flow.peek(size)
    flow.at += size
    return Record(place, arc.arc_header(line, data[line.size : line.size + 5]), data, line.size)


def _size(flow: Flow, header_bytes: int, content_bytes: int, ending: re.Pattern[bytes] = _END) -> int:
    """How long the record here is, if it is as long as it says."""
    size = header_bytes + content_bytes
    if not flow.need(size + _END_BYTES) and len(flow.data) - flow.at < size:
        raise _BrokenRecordError(f"{len(flow.data) - flow.at - header_bytes:,} of {content_bytes:,} bytes are there")
    end = flow.at + size
    if not ending.match(flow.data[end : end + _END_BYTES]):
        raise _BrokenRecordError(f"a record that does not end after its {content_bytes:,} bytes")
    return size


def _converted_size(flow: Flow, header_bytes: int) -> int:
    """How long a record is whose ends of line someone has converted, so that its length no longer holds: up to the
    next header."""
    size = flow.find(_NEXT, header_bytes - 1, MAX_RECORD_BYTES + len(_NEXT))
    if size < 0 and (size := len(flow.data) - flow.at) > MAX_RECORD_BYTES:
        raise _BrokenRecordError(f"a record of more than {MAX_RECORD_BYTES:,} bytes")
    return size


def _header_bytes(flow: Flow) -> int:
    """How long the header here is, with the empty line behind it."""
    flow.need(len(b"WARC/"))
    if not flow.data.startswith(b"WARC/", flow.at):
        raise _BrokenRecordError(f"no record begins here: {flow.peek(20)!r}")
    searched = 0
    while (end := _HEADER_END.search(flow.data, flow.at + searched, flow.at + MAX_HEADER_BYTES)) is None:
        unused = len(flow.data) - flow.at
        if unused >= MAX_HEADER_BYTES or not flow.more():
            raise _BrokenRecordError("a header without an end")
        searched = max(unused - len(_NEXT) + 1, 0)
    if end["next"]:
        raise _BrokenRecordError("a header without an end")
    return end.end() - flow.at


def fields(header: str) -> dict[str, str]:
    """The fields of a header; of one that is there twice the first."""
    found: dict[str, str] = {}
    for line in header.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found
