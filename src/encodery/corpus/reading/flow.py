"""Stretches of bytes without a gap, over members and pieces, each place of which has a name."""

from collections.abc import Iterator

from encodery.corpus.reading.members import Piece


class Flow:
    """What records are cut out of: `data[at:]` is not used yet. A stretch ends where something was lost."""

    def __init__(self, found: Iterator[Piece | None]) -> None:
        self._found = found
        self._starts: list[tuple[int, Piece]] = []
        """Where in `data` each piece begins."""
        self.data = b""
        self.at = 0
        self.ended = False
        """Whether the file is over."""
        self.broken = False
        """Whether something was lost behind this stretch."""

    def next_stretch(self) -> bool:
        """Begin behind the gap; whether there is anything left."""
        self.data, self.at, self.broken, self._starts = b"", 0, False, []
        return not self.ended and (self.more() or self.broken)

    def more(self) -> bool:
        """Take the next piece in; False at the end of the stretch."""
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
        kept = self.data[self.at :]
        starts = [(start - self.at, before) for start, before in self._starts] if kept else []
        first = max((index for index, (start, _) in enumerate(starts) if start <= 0), default=0)
        self._starts = [*starts[first:], (len(kept), piece)]
        self.data, self.at = kept + piece.data, 0
        return True

    def need(self, size: int) -> bool:
        """Have `size` unused bytes; False if the stretch ends before."""
        while len(self.data) - self.at < size:
            if not self.more():
                return False
        return True

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

    def place(self, at: int) -> str:
        """The place in the file of `data[at]`: its offset; with compression the offset of its member, and `+` its
        position in that if it is not the first byte."""
        start, piece = next(found for found in reversed(self._starts) if found[0] <= at)
        if piece.position is None:
            return str(piece.offset + at - start)
        position = piece.position + at - start
        return f"{piece.offset}+{position}" if position else str(piece.offset)
