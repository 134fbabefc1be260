"""Records of ARC files, which came before WARC (https://archive.org/web/researcher/ArcFileFormat.php).

A line of address, IP address, date, type and length, in version 2 with five fields more before the length; then so
many bytes, then an end of line.
"""

import re
from typing import NamedTuple

from encodery.corpus.reading.flow import Flow

MAGIC = b"filedesc://"
"""The address of the first record, which describes the file."""
MAX_LINE_BYTES = 1 << 14
_LINE = re.compile(rb"(\S{1,12000}) (\S{1,45}) ([0-9]{14}) ([^\r\n]{0,2000}?) ?([0-9]{1,18})\r?\n")
_WITHOUT_PAGE = (MAGIC, b"dns:")


class ArcLine(NamedTuple):
    """What the line of a record says."""

    size: int
    """Bytes of the line itself."""
    content_bytes: int
    header: dict[str, str]
    """In the words of WARC."""


def arc_line(flow: Flow) -> ArcLine | None:
    """The line that stands here; None if it is none."""
    end = flow.find(b"\n", 0, MAX_LINE_BYTES)
    found = _LINE.fullmatch(flow.peek(end + 1)) if end >= 0 else None
    if found is None:
        return None
    address, _, date, rest, length = (part.decode("utf-8", "replace") for part in found.groups())
    header = {
        "warc-type": "warcinfo" if found[1].startswith(_WITHOUT_PAGE) else "resource",
        "warc-target-uri": address,
        "warc-date": f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:]}Z",
        "content-type": rest.partition(" ")[0],
    }
    return ArcLine(end + 1, int(length), header)


def arc_header(line: ArcLine, start: bytes) -> dict[str, str]:
    """The header of a record whose content begins so: most are HTTP messages, of other protocols the file itself."""
    if line.header["warc-type"] == "resource" and start.startswith(b"HTTP/"):
        return line.header | {"warc-type": "response", "content-type": "application/http; msgtype=response"}
    return line.header


def skip_to_line(flow: Flow) -> None:
    """Go to the next line that begins a record, or to the end of the stretch."""
    while flow.skip_to(b"\n"):
        flow.at += 1
        if arc_line(flow):
            return
