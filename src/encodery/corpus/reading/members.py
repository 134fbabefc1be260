"""The bytes behind gzip, bzip2, zstd, LZ4 or no compression, with the way back to their place in the file.

Crawl files are a compressed member for each record, so a damaged one costs one record: the next member is looked for
behind the place where the damaged one began. Each is checked (CRC) before anything of it is given out, unless it is
larger than 8 MiB. Memory is bounded, whatever a member expands to.
"""

import bz2
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from encodery.corpus.reading.window import Window
from encodery.errors import UserError

Note = Callable[[int, str], None]

WHOLE_BYTES = 8 << 20
"""Members up to this size are checked before anything of them is given out."""
_PLAIN_BYTES = 1 << 20
_TRIAL_BYTES = 1 << 10
BOMB_BYTES = 64 << 20
BOMB_RATIO = 400
"""Text is packed 3 to 20 times; what expands more, to over 64 MiB, is made to fill memories (gzip: 1,032 times)."""


class Piece(NamedTuple):
    """Bytes that follow those of the piece before, unless there is a None between them."""

    data: bytes
    offset: int
    """Where in the file their member begins; without compression they themselves."""
    position: int | None
    """Where in the member they begin, decompressed; None without compression."""


class BrokenMemberError(Exception):
    """Why a member cannot be read, and whether what was read of it is as it was written."""

    def __init__(self, reason: str, is_cut: bool = False) -> None:
        super().__init__(reason)
        self.is_cut = is_cut


@dataclass(frozen=True)
class Codec:
    """A way to compress: how a member begins, what reads one, what that raises."""

    magic: bytes
    decoder: Callable[[], Any]
    """Makes an object with `decompress`, `eof` and `unused_data`."""
    errors: tuple[type[Exception], ...]
    feed_bytes: int
    """Given at once: few enough that nothing they can expand to is much."""


def pieces(stream: Any, name: str, note: Note) -> Iterator[Piece | None]:
    """All that can be read of a file, in order; None where something was lost.

    Args:
        stream: a readable binary file.
        name: what messages call it.
        note: told of each damage, with its offset in the file.

    Raises:
        UserError: a package for this compression is missing.
        OSError: the file cannot be read.
    """
    window = Window(stream)
    start = window.read(0)[:4]
    if start == b"\x04\x22\x4d\x18":
        yield from _lz4(window, note)
        return
    codec = _codec(start, name)
    if codec is None:
        yield from _plain(window)
        return
    offset = 0
    while not window.only_zeros(offset):
        member = _Member(window, offset, codec)
        try:
            for data, position in member.pieces():
                yield Piece(data, offset, position)
            offset = member.end
        except BrokenMemberError as error:
            note(offset, str(error))
            offset = _next_member(window, offset + 1, codec)
            yield None
        window.forget(offset)


def _codec(start: bytes, name: str) -> Codec | None:
    if start.startswith(b"\x1f\x8b"):
        return Codec(b"\x1f\x8b\x08", lambda: zlib.decompressobj(31), (zlib.error,), 1 << 14)
    if start.startswith(b"BZh"):
        return Codec(b"BZh", bz2.BZ2Decompressor, (OSError, EOFError), 1 << 10)
    if start != b"\x28\xb5\x2f\xfd":
        return None
    try:
        import zstandard
    except ImportError:
        raise UserError(f'{name}: reading zstd needs the package zstandard; pip install "encodery[corpus]"') from None
    library = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    return Codec(start, library.decompressobj, (zstandard.ZstdError,), 1 << 10)


class _Member:
    """One compressed member."""

    def __init__(self, window: Window, offset: int, codec: Codec) -> None:
        self._window = window
        self._offset = offset
        self._codec = codec
        self.end = offset

    def pieces(self) -> Iterator[tuple[bytes, int]]:
        """What it holds, with the place in it: in one piece if it is small, else as it is read.

        Raises:
            BrokenMemberError: it is not as it was written; what was read of one that is only cut was given out.
        """
        waiting: list[bytes] = []
        position = size = 0
        try:
            for data in self._decompressed():
                waiting.append(data)
                size += len(data)
                if size > WHOLE_BYTES:
                    yield b"".join(waiting), position
                    position, size, waiting = position + size, 0, []
        except BrokenMemberError as error:
            if error.is_cut and size:
                yield b"".join(waiting), position
            raise
        if size:
            yield waiting[0] if len(waiting) == 1 else b"".join(waiting), position

    def _decompressed(self) -> Iterator[bytes]:
        decoder = self._codec.decoder()
        size = 0
        while not decoder.eof:
            chunk = self._window.read(self.end, self._codec.feed_bytes)
            if not chunk:
                raise BrokenMemberError("compressed data ends too early", is_cut=True)
            self.end += len(chunk)
            try:
                data = decoder.decompress(chunk)
            except self._codec.errors as error:
                raise BrokenMemberError(f"broken compressed data ({' '.join(str(error).split())})") from None
            size += len(data)
            if size > BOMB_BYTES and size > BOMB_RATIO * (self.end - self._offset):
                raise BrokenMemberError(f"compressed data that expands more than {BOMB_RATIO} times")
            if data:
                yield data
        self.end -= len(decoder.unused_data)


def _next_member(window: Window, offset: int, codec: Codec) -> int:
    """Where the next thing begins that reads as a member; the end of the file if there is none."""
    while True:
        offset = window.find(codec.magic, offset)
        start = window.read(offset, _TRIAL_BYTES)
        if not start:
            return offset
        try:
            codec.decoder().decompress(start)
        except codec.errors:
            offset += 1
            continue
        return offset


def _plain(window: Window) -> Iterator[Piece]:
    offset = 0
    while data := window.read(offset, _PLAIN_BYTES):
        yield Piece(data, offset, None)
        offset += len(data)
        window.forget(offset)


def _lz4(window: Window, note: Note) -> Iterator[Piece | None]:
    """Rare: whole frames, and nothing behind a damaged one."""
    from fastwarc.stream_io import Lz4Reader

    reader = Lz4Reader(window.rest())
    frame = position = 0
    while True:
        try:
            data = reader.read(_PLAIN_BYTES)
        except OSError as error:
            note(reader.frame_start_position() or 0, f"broken compressed data ({' '.join(str(error).split())})")
            yield None
            return
        if not data:
            return
        start = reader.frame_start_position() or 0
        position = position if start == frame else 0
        frame = start
        yield Piece(data, frame, position)
        position += len(data)
