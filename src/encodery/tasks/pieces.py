"""A text in pieces that are translated one by one, and their translations as one text again.

A line is a piece if the model can read it at once. Of a longer line each sentence is one, and a sentence that is
still too long is parted between words, where the model's room ends. No piece shares anything with the next: what is
said twice would be translated twice.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from encodery.data.scripts import is_unspaced
from encodery.text.encoding import Cut
from encodery.text.sentences import split_sentences
from encodery.text.tokenizer import Tokenizer

_LINES = re.compile(r"(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])")
_CHARACTERS_PER_TOKEN = 16
"""Of a text without an end so much is looked at for each token that there is room for."""


@dataclass(frozen=True)
class Piece:
    """What the model translates at once; `breaks` are the ends of lines that stand before it."""

    text: str
    cut: Cut
    breaks: str = ""


def cut_pieces(tokenizer: Tokenizer, text: str, room: int) -> list[Piece]:
    """The pieces of a text, each of at most `room` tokens (but for a single character of more); none of a text that
    has no token."""
    pieces: list[Piece] = []
    breaks = ""
    for number, part in enumerate(_LINES.split(text)):
        if number % 2:  # what parts the lines
            breaks += part
            continue
        for piece, cut in _of_line(tokenizer, part.strip(), room):
            if cut.ids:
                pieces.append(Piece(piece, cut, breaks if pieces else ""))
                breaks = ""
    return pieces


def joined(pieces: Sequence[Piece], translations: Sequence[str]) -> str:
    """The translations as one text: lines as in the source, within a line a space between two of them, where not
    both are of a script without spaces."""
    text = ""
    for piece, translation in zip(pieces, translations, strict=True):
        text += (piece.breaks or _space(text, translation)) + translation
    return text


def _space(before: str, behind: str) -> str:
    unspaced = before and behind and is_unspaced(before[-1]) and is_unspaced(behind[0])
    return "" if not before or not behind or unspaced else " "


def _of_line(tokenizer: Tokenizer, line: str, room: int) -> Iterator[tuple[str, Cut]]:
    cut = tokenizer.cut(line, room)
    if len(cut.ids) <= room:
        yield line, cut
        return
    for sentence in split_sentences(line):
        yield from _of_sentence(tokenizer, sentence, room)


def _of_sentence(tokenizer: Tokenizer, sentence: str, room: int) -> Iterator[tuple[str, Cut]]:
    """The sentence, or as much of it at a time as there is room for."""
    start = 0
    while start < len(sentence):
        if sentence[start].isspace():
            start += 1
            continue
        end = min(start + _CHARACTERS_PER_TOKEN * room, len(sentence))
        if end < len(sentence):
            end = start + _before(sentence[start:end], end - start)
        cut = tokenizer.cut(sentence[start:end], room)
        while len(cut.ids) > room and end - start > 1:
            end = start + _before(sentence[start:end], cut.offsets[room][0])
            cut = tokenizer.cut(sentence[start:end], room)
        yield sentence[start:end], cut
        start = end


def _before(text: str, end: int) -> int:
    """Where to part a text at `end` or, if that is near, behind the last word before it; less than the whole."""
    end = max(1, min(end, len(text) - 1))
    space = text.rfind(" ", end // 2, end + 1)
    return space if space > 0 else end
