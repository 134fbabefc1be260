"""Which letters are written without spaces between words."""

import unicodedata
from bisect import bisect_right

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x31FF),  # radicals, kana, Bopomofo
    (0x3400, 0x9FFF),  # Han
    (0xA9E0, 0xA9FF),  # Myanmar
    (0xAA60, 0xAA7F),  # Myanmar
    (0xF900, 0xFAFF),  # Han
    (0xFF66, 0xFF9F),  # kana
    (0x1B000, 0x1B16F),  # kana
    (0x20000, 0x3FFFF),  # Han
)
_STARTS = [start for start, _ in _UNSPACED]


def is_unspaced(character: str) -> bool:
    """Whether a character belongs to a script that has no spaces between words (Han, kana, Thai, ...)."""
    place = bisect_right(_STARTS, ord(character)) - 1
    return place >= 0 and ord(character) <= _UNSPACED[place][1]


def is_in_word(text: str, place: int) -> bool:
    """Whether `place` is between two characters of one word: letters, digits or marks of a script with spaces."""
    return 0 < place < len(text) and _is_of_word(text[place - 1]) and _is_of_word(text[place])


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand; punctuation marks, and letters of scripts without spaces, are words each."""
    spans: list[tuple[int, int]] = []
    for place, character in enumerate(text):
        if character.isspace():
            continue
        if spans and spans[-1][1] == place and (is_in_word(text, place) or is_mark(character)):
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
    return spans


def is_mark(character: str) -> bool:
    """Whether a character is written onto the one before it."""
    return unicodedata.category(character)[0] == "M"


def after_marks(text: str, place: int) -> int:
    """Where the marks end that are written onto the character before `place`."""
    while place < len(text) and is_mark(text[place]):
        place += 1
    return place


def whole(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with the marks that are written onto its last character (normalisation takes them from tokens), and
    without white space at its ends; empty if there is nothing else."""
    inner = text[start : after_marks(text, end)]
    start += len(inner) - len(inner.lstrip())
    return start, start + len(inner.strip())


def _is_of_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM" and not is_unspaced(character)
