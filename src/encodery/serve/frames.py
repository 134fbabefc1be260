"""How the server and its workers talk over a socket: heads in JSON and bodies of bytes, their lengths before them.

Nothing is unpickled, lengths are checked before anything is allocated, and JSON documents that only pass through (the
predictions) stay bytes from the worker to the client.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

import orjson

MAX_BYTES = 256 * 2**20
"""Of a frame: a request of the largest size, or the vectors of many texts."""
_LENGTHS = Struct("!II")


class FrameError(ValueError):
    """The other side does not speak this language; the connection is of no more use."""


@dataclass(frozen=True)
class Frame:
    """What arrived."""

    head: Any
    """A JSON value."""
    body: bytes

    def parts(self, sizes: Sequence[int]) -> list[bytes]:
        """The body, cut.

        Raises:
            FrameError: the sizes are not those of the body.
        """
        if min(sizes, default=0) < 0 or sum(sizes) != len(self.body):
            raise FrameError(f"a body of {len(self.body):,} bytes was said to have {sum(sizes):,}")
        parts, start = [], 0
        for size in sizes:
            parts.append(self.body[start : start + size])
            start += size
        return parts


def pack_frame(head: Any, parts: Sequence[bytes] = (), max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a frame; `head` is what JSON can hold, or a dataclass of such things.

    Raises:
        TypeError: `head` is nothing that JSON can hold (a surrogate without its other half is not).
        FrameError: it would be larger than `max_bytes`.
    """
    stated = orjson.dumps(head)
    size = sum(map(len, parts))
    if len(stated) + size > max_bytes:
        raise FrameError(f"{len(stated) + size:,} bytes, but at most {max_bytes:,} can be sent at once")
    return b"".join([_LENGTHS.pack(len(stated), size), stated, *parts])


class Splitter:
    """Cuts a stream of bytes, that arrives in pieces of any size, into frames."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with this piece.

        Raises:
            FrameError: a frame is larger than `max_bytes` (before it has arrived), or its head is not JSON.
        """
        self._waiting += data
        start = 0
        try:
            while (lengths := self._lengths(start)) is not None:
                begin = start + _LENGTHS.size
                middle, end = begin + lengths[0], begin + sum(lengths)
                if end > len(self._waiting):
                    break
                start = end
                with memoryview(self._waiting) as view:
                    frame = Frame(_parsed(bytes(view[begin:middle])), bytes(view[middle:end]))
                yield frame
        finally:
            del self._waiting[:start]

    def _lengths(self, start: int) -> tuple[int, int] | None:
        """Of head and body of the frame that begins there."""
        if len(self._waiting) - start < _LENGTHS.size:
            return None
        head, body = _LENGTHS.unpack_from(self._waiting, start)
        if head + body > self.max_bytes:
            raise FrameError(f"a frame of {head + body:,} bytes, but at most {self.max_bytes:,} are taken")
        return head, body


def _parsed(head: bytes) -> Any:
    try:
        return orjson.loads(head)
    except orjson.JSONDecodeError as error:
        raise FrameError(f"the head of a frame is not JSON: {error}") from None
