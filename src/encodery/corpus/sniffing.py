"""What a file is by its first bytes, where its name does not say it: crawl files, Wikipedia dumps, HTML,
JSON Lines."""

import bz2
import json
import re
import zlib
from typing import Any, Literal

WebFormat = Literal["warc", "wet", "html", "wikipedia"]

HEAD_BYTES = 1 << 20
"""So much of a file is looked at: nothing of bzip2 can be read before its first block of up to 900 kB is there."""
_START_BYTES = 1 << 12
_HTML = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:(?><!--.*?-->)\s*+)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)


def sniff(head: bytes) -> WebFormat | None:
    """The format of data that begins with `head` (plain, gzip, bzip2 or zstd)."""
    start = _unpacked(head).removeprefix(b"\xef\xbb\xbf")
    if start.startswith((b"WARC/", b"filedesc://")):
        return "warc"
    if start.lstrip().startswith(b"<mediawiki"):
        return "wikipedia"
    return "html" if _HTML.match(start) else None


def has_json_lines(head: bytes) -> bool:
    """Whether data that begins with `head` has a JSON object on its first line, and another line that begins as one:
    a single document is none, on one line or on many."""
    first, end, rest = _unpacked(head, HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    if not (end and first.lstrip().startswith(b"{") and rest.lstrip().startswith(b"{")):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _unpacked(head: bytes, size: int = _START_BYTES) -> bytes:
    """The first bytes behind the compression that `head` begins with; nothing if it is broken."""
    try:
        if head.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(31).decompress(head, size)
        if head.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(head, size)
    except (zlib.error, OSError):
        return b""
    return _unpacked_zstd(head, size) if head.startswith(b"\x28\xb5\x2f\xfd") else head[:size]


def _unpacked_zstd(head: bytes, size: int) -> bytes:
    try:
        import zstandard
    except ImportError:
        return b""
    try:
        reader: Any = zstandard.ZstdDecompressor().stream_reader(head)
        start: bytes = reader.read(size)
    except zstandard.ZstdError:
        return b""
    return start
