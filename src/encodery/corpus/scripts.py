"""What is written without spaces between words: for all that counts words or compares them."""

from bisect import bisect_right

BLOCKS_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, symbols of Khmer
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),  # signs for Han characters
    (0x3021, 0x312F),  # numerals, Kana, Bopomofo
    (0x31A0, 0x31FF),  # Bopomofo, strokes, Kana; Hangul Jamo before them are left out
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0xA4CF),  # Han, Yi
    (0xA9E0, 0xA9FF),  # Myanmar
    (0xAA60, 0xAADF),  # Myanmar, Tai Viet
    (0xF900, 0xFAFF),  # Han
    (0xFF66, 0xFF9F),  # Kana of half the width
    (0x1B000, 0x1B16F),  # Kana
    (0x20000, 0x3FFFF),  # Han
)
"""First and last code point; only the letters, marks and digits in them are meant."""
LANGUAGES_WITHOUT_SPACES = frozenset(["bo", "dz", "ii", "ja", "km", "lo", "my", "shn", "th", "wuu", "yue", "zh"])
"""Tibetan, Dzongkha, Yi, Japanese, Khmer, Lao, Burmese, Shan, Thai, Wu, Cantonese and all other Chinese: the codes
that identifiers of languages give such text (the UDHR has 12 to 96 characters between its spaces in each)."""
_STARTS = [first for first, _ in BLOCKS_WITHOUT_SPACES]


def is_without_spaces(letter: str) -> bool:
    """Whether a letter is of such a script."""
    block = bisect_right(_STARTS, ord(letter)) - 1
    return block >= 0 and ord(letter) <= BLOCKS_WITHOUT_SPACES[block][1]
