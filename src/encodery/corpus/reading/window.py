"""A file read forward, of which the last part is kept so that one can go back in it."""

from typing import Any

CHUNK_BYTES = 1 << 16
KEPT_BYTES = 16 << 20
"""So much is kept at most; it holds any compressed record but the largest."""


class Window:
    """Bytes of a stream by their offset; what is behind `forget`, or too far back, is gone."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._data = bytearray()
        self._start = 0
        self._ended = False

    def read(self, offset: int, size: int = CHUNK_BYTES) -> bytes:
        """Up to `size` bytes from `offset` on, which is still kept; none at the end."""
        while offset >= self._start + len(self._data) and self._more():
            pass
        at = offset - self._start
        return bytes(self._data[at : at + size])

    def _more(self) -> bool:
        chunk = b"" if self._ended else self._stream.read(CHUNK_BYTES)
        self._ended = not chunk
        self._data += chunk
        if (gone := len(self._data) - KEPT_BYTES) > 0:
            del self._data[:gone]
            self._start += gone
        return bool(chunk)

    def forget(self, offset: int) -> None:
        """Nothing before `offset` is asked for again."""
        if (gone := min(offset - self._start, len(self._data))) >= CHUNK_BYTES:
            del self._data[:gone]
            self._start += gone

    def find(self, mark: bytes, offset: int) -> int:
        """The first place of `mark` from `offset` on; the end of the file if there is none."""
        offset = max(offset, self._start)
        while True:
            at = self._data.find(mark, offset - self._start)
            if at >= 0:
                return self._start + at
            offset = max(offset, self._start + len(self._data) - len(mark) + 1)
            self.forget(offset)
            if not self._more():
                return self._start + len(self._data)

    def only_zeros(self, offset: int) -> bool:
        """Whether nothing but zeros is left, as some writers fill their last block."""
        while self.read(offset, 1) == b"\0":
            chunk = self.read(offset)
            offset += len(chunk) - len(chunk.lstrip(b"\0"))
            self.forget(offset)
        return not self.read(offset, 1)

    def rest(self) -> "Rest":
        """All of it as a file again."""
        return Rest(self)


class Rest:
    """What fastwarc asks of a file: it is read forward."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._at = 0

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """The next bytes."""
        data = self._window.read(self._at, size)
        self._at += len(data)
        self._window.forget(self._at)
        return data

    def tell(self) -> int:
        """How many were read."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Stay: it is only asked where it is."""
        return self._at

    def close(self) -> None:
        """Nothing: the stream is its owner's."""
