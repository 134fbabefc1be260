"""What a file is by its first bytes, where its name does not say it: crawl files, Wikipedia dumps, HTML."""

import bz2
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


def _unpacked(head: bytes) -> bytes:
    """The first bytes behind the compression that `head` begins with; nothing if it is broken."""
    try:
        if head.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(31).decompress(head, _START_BYTES)
        if head.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(head, _START_BYTES)
    except (zlib.error, OSError):
        return b""
    return _unpacked_zstd(head) if head.startswith(b"\x28\xb5\x2f\xfd") else head[:_START_BYTES]


def _unpacked_zstd(head: bytes) -> bytes:
    try:
        import zstandard
    except ImportError:
        return b""
    try:
        reader: Any = zstandard.ZstdDecompressor().stream_reader(head)
        start: bytes = reader.read(_START_BYTES)
    except zstandard.ZstdError:
        return b""
    return start
