"""Where a record is from, where its words have places of their own."""

from collections.abc import Sequence


class WordSource(str):
    """The `file:line` of a record of words, each of which has a line of its own."""

    lines: Sequence[int]

    def __new__(cls, source: str, lines: Sequence[int] = ()) -> "WordSource":
        """`lines` are those of the words."""
        made = super().__new__(cls, source)
        made.lines = lines
        return made

    def of_word(self, index: int) -> str:
        """`file:line` of one of the words."""
        return f"{self.rpartition(':')[0]}:{self.lines[index]}"
