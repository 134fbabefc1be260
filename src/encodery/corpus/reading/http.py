"""The page inside an HTTP message: its status, its type, its bytes behind chunks and content codings."""

import io
import re
import zlib
from typing import Any, Literal, NamedTuple

from encodery.corpus.reading.warc import Record, fields
from encodery.corpus.sniffing import sniff

MAX_PAGE_BYTES = 8 << 20
"""What a page holds behind this is left out."""
MAX_CODINGS = 5
"""So many, the last ones, are taken off: a header may name thousands, and each costs a look at the page."""
_READ_BYTES = 1 << 16
_LOOKED_AT = 1 << 10
_CONTROLS = bytes({*range(32)} - {*b"\t\n\f\r\x1b"})
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s;\"',]+)", re.I)
_HTML = ("text/html", "application/xhtml+xml")
_UNKNOWN = ("", "application/octet-stream", "unknown/unknown")
Kind = Literal["html", "text"]


class Payload(NamedTuple):
    """What a record carries."""

    status: int
    kind: Kind | None
    """None if it is neither a web page nor plain text."""
    charset: str
    """What the header says of the encoding; "" if nothing."""
    data: bytes


def payload_of(record: Record) -> Payload | None:
    """The page that a record carries; None if it is of a kind that has none (a request, metadata, a revisit).

    A page that ends before its codings do, as crawlers cut long ones, is what is there of it.
    """
    record_type = record.header.get("warc-type", "")
    content_type = record.header.get("content-type", "")
    if record_type == "conversion":
        return Payload(200, "text", "utf-8", record.data[record.start :])
    if record_type == "resource" and not record.header.get("warc-target-uri", "").startswith(("metadata:", "urn:")):
        return _payload(200, content_type, record.data[record.start :])
    if record_type != "response" or not content_type.lower().startswith("application/http"):
        return None
    end = _HEAD_END.search(record.data, record.start)
    head = record.data[record.start : end.start() if end else None]
    line, _, rest = head.decode("latin-1").partition("\n")
    status = re.match(r"\S+\s+(\d{3})\b", line)
    header = fields(rest)
    body = record.data[end.end() :] if end else b""
    codings = f"{header.get('content-encoding', '')},{header.get('transfer-encoding', '')}".lower().split(",")
    data = _decoded(body, [coding.strip() for coding in codings if coding.strip()])
    return _payload(int(status[1]) if status else 0, header.get("content-type", ""), data)


def _payload(status: int, content_type: str, data: bytes) -> Payload:
    mime = content_type.partition(";")[0].strip().lower()
    kind: Kind | None = "html" if mime in _HTML else "text" if mime == "text/plain" else None
    if kind is None and mime in _UNKNOWN and sniff(data[:_READ_BYTES]) == "html":
        kind = "html"
    if kind and _is_binary(data[:_LOOKED_AT]):
        kind = None
    charset = _CHARSET.search(content_type)
    return Payload(status, kind, charset[1] if charset else "", data[:MAX_PAGE_BYTES])


def _decoded(body: bytes, codings: list[str]) -> bytes:
    """The bytes behind the codings, the last of which was put on last. One that is not there, as crawlers write of
    what they have taken off already, changes nothing."""
    for coding in reversed(codings[-MAX_CODINGS:]):
        opener = _coding_reader(coding)
        if opener is not None:
            body = _read(opener, body) or body
    return body


def _is_binary(start: bytes) -> bool:
    """Whether these bytes are no text, as of a coding that could not be taken off."""
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return controls > len(start) / 20 and not start.startswith((b"\xff\xfe", b"\xfe\xff"))


def _coding_reader(coding: str) -> Any:
    from fastwarc import stream_io

    readers = {
        "chunked": stream_io.ChunkedReader,
        "gzip": stream_io.GzipReader,
        "x-gzip": stream_io.GzipReader,
        "deflate": _Deflate,
        "br": stream_io.BrotliReader,
        "zstd": stream_io.ZstdReader,
    }
    return readers.get(coding)


class _Deflate:
    """What `deflate` means: zlib's form, or, as some servers understand it, the bare one."""

    def __init__(self, stream: io.BytesIO) -> None:
        start = stream.getvalue()[:2]
        is_zlib = len(start) == 2 and start[0] & 15 == 8 and int.from_bytes(start, "big") % 31 == 0
        self._inflater = zlib.decompressobj(15 if is_zlib else -15)
        self._stream = stream

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end, or where they cannot be read."""
        try:
            return self._inflater.decompress(self._inflater.unconsumed_tail or self._stream.read(size), size)
        except zlib.error:
            return b""


def _read(opener: Any, body: bytes) -> bytes:
    """What of it can be read, up to the largest page."""
    found, size = [], 0
    try:
        reader = opener(io.BytesIO(body))
        while size < MAX_PAGE_BYTES and (data := reader.read(_READ_BYTES)):
            found.append(data)
            size += len(data)
    except OSError:
        pass  # its end is missing, or it is not coded so at all
    return b"".join(found)
