"""Cutting long text where no token can reach across, so that memory follows the piece and not the text."""

import re
from collections.abc import Iterator, Sequence

PIECE_CHARS = 1 << 15

MARKS = re.compile(r"(?<=[ \t\n\r.,;:!?。，、！？؟।])")
"""After white space and marks that BERT's pre-tokenizer sets apart. Not `\\s`: the normaliser deletes some of it."""
BEFORE_SPACE = re.compile(r"(?<=\S)(?= )")
"""Where white space begins, with a space: it belongs to the word behind it (byte-level BPE) or to none (unigram).
Not a line's end: byte-level BPE would assume a space before it."""

BETWEEN_WORDS = re.compile(r"(?<=[^\W\d_])(?= [^\W\d_])")
"""Between two words with a single space between them: no rule of Moses looks across it."""
NOWHERE = re.compile(r"(?!)")


def cut(text: str, boundary: re.Pattern[str] = MARKS) -> Iterator[tuple[int, str]]:
    """The pieces of a text with the offset (in characters) at which each starts; a short text is one piece.

    Encoding the pieces gives the tokens of the whole. A stretch without a `boundary` (an empty match) is never cut.
    """
    start = 0
    while len(text) - start > PIECE_CHARS:
        end = boundary.search(text, start + PIECE_CHARS)
        if end is None or end.start() == len(text):
            break
        yield start, text[start : end.start()]
        start = end.start()
    yield start, text[start:]


def in_calls(texts: Sequence[str], boundary: re.Pattern[str], call_chars: int) -> Iterator[list[tuple[int, str]]]:
    """The pieces of texts, each with the index of its text, in groups of hardly more than so many characters."""
    group: list[tuple[int, str]] = []
    size = 0
    for index, text in enumerate(texts):
        for piece in (text,) if len(text) <= PIECE_CHARS else (piece for _, piece in cut(text, boundary)):
            group.append((index, piece))
            size += len(piece)
            if size >= call_chars:
                yield group
                group, size = [], 0
    if group:
        yield group
