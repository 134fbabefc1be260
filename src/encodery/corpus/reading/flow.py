"""Stretches of bytes without a gap, over members and pieces, each place of which has a name."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from encodery.corpus.reading.members import Piece


class _Origin(NamedTuple):
    """Where a piece came from, as `Piece` has it."""

    offset: int
    position: int | None


class Flow:
    """What records are cut out of: `data[at:]` is not used yet. A stretch ends where something was lost.

    The work is linear in what is read, however small its pieces are: `data` grows at its end and is cut off at its
    beginning, neither of which copies the rest.
    """

    def __init__(self, found: Iterator[Piece | None]) -> None:
        self._found = found
        self.data = bytearray()
        self.at = 0
        self.ended = False
        """Whether the file is over."""
        self.broken = False
        """Whether something was lost behind this stretch."""
        self._gone = 0
        """Bytes of the stretch before those of `data`."""
        self._without: dict[bytes, tuple[int, int]] = {}
        """By mark: from where to where in the stretch there is none, as was found out last."""
        self._starts: list[int] = []
        """Where in the stretch each piece begins, and below where it came from."""
        self._origins: list[_Origin] = []

    def next_stretch(self) -> bool:
        """Begin behind the gap; whether there is anything left."""
        self.data, self.at, self.broken = bytearray(), 0, False
        self._gone, self._without, self._starts, self._origins = 0, {}, [], []
        return not self.ended and (self.more() or self.broken)

    def more(self) -> bool:
        """Take the next piece in, and let go of what is used; False at the end of the stretch."""
        if self.broken or self.ended:
            return False
        try:
            piece = next(self._found)
        except StopIteration:
            self.ended = True
            return False
        if piece is None:
            self.broken = True
            return False
        self._forget()
        self._starts.append(self._gone + len(self.data))
        self._origins.append(_Origin(piece.offset, piece.position))
        self.data += piece.data
        return True

    def _forget(self) -> None:
        """Let go of the bytes before `at`; of pieces without bytes that are left when most of them are such."""
        del self.data[: self.at]
        self._gone += self.at
        self.at = 0
        unused = bisect_right(self._starts, self._gone) - 1 if self.data else len(self._starts)
        if 2 * unused > len(self._starts):
            del self._starts[:unused]
            del self._origins[:unused]

    def need(self, size: int) -> bool:
        """Have `size` unused bytes; False if the stretch ends before."""
        while len(self.data) - self.at < size:
            if not self.more():
                return False
        return True

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, which are there; they stay unused."""
        with memoryview(self.data) as data:
            return data[self.at : self.at + size].tobytes()

    def skip_to(self, mark: bytes) -> bool:
        """Go to the next `mark`; False, with nothing left, if the stretch has none."""
        while True:
            found = self.data.find(mark, self.at)
            if found >= 0:
                self.at = found
                return True
            self.at = max(self.at, len(self.data) - len(mark) + 1)
            if not self.more():
                self.at = len(self.data)
                return False

    def find(self, mark: bytes, behind: int, limit: int) -> int:
        """How far from here the next `mark` is, at least `behind`; -1 if there is none that ends among the next
        `limit` bytes of the stretch. No byte is looked at twice for a mark that is not there, also by later calls."""
        first = start = self._gone + self.at + behind
        known, end = self._without.get(mark, (0, 0))
        if known <= start < end:
            first, start = known, end
        while True:
            here = self._gone + self.at
            found = self.data.find(mark, start - self._gone, self.at + limit)
            if found >= 0:
                return found - self.at
            start = max(start, min(self._gone + len(self.data), here + limit) - len(mark) + 1)
            self._without[mark] = (first, start)
            if len(self.data) - self.at >= limit or not self.more():
                return -1

    def place(self, at: int) -> str:
        """The place in the file of `data[at]`: its offset; with compression the offset of its member, and `+` its
        position in that if it is not the first byte."""
        index = bisect_right(self._starts, self._gone + at) - 1
        within = self._gone + at - self._starts[index]
        offset, position = self._origins[index]
        if position is None:
            return str(offset + within)
        position += within
        return f"{offset}+{position}" if position else str(offset)
