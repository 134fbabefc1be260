"""Cutting long text where no token can reach across, so that memory follows the piece and not the text."""

import re
from collections.abc import Iterator

PIECE_CHARS = 1 << 15

# White space and marks that BERT's pre-tokenizer sets apart. Not `\s`: the normaliser deletes some of its characters.
_BOUNDARY = re.compile(r"[ \t\n\r.,;:!?。，、！？؟।]")


def cut(text: str) -> Iterator[tuple[int, str]]:
    """The pieces of a text with the offset (in characters) at which each starts; a short text is one piece.

    Encoding the pieces gives the tokens of the whole. A stretch without white space or marks is never cut.
    """
    start = 0
    while len(text) - start > PIECE_CHARS:
        boundary = _BOUNDARY.search(text, start + PIECE_CHARS - 1)
        if boundary is None:
            break
        yield start, text[start : boundary.end()]
        start = boundary.end()
    yield start, text[start:]
