"""The form in which CCNet compares paragraphs, and its hash (Wenzek et al., 2020, section 3.1; cc_net
`text_normalizer.normalize_for_dedup` and `dedup.compute_hashes`).

A paragraph is stripped, lowercased, its digits become 0, and a fixed list of Unicode punctuation and the control
characters are taken out; accents and ASCII punctuation stay. The hash is the first eight bytes of SHA-1 of the UTF-8.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from hashlib import sha1

import numpy as np
from jaxtyping import UInt32, UInt64

PUNCTUATION = "，。、„”“«»」「《》´∶：？！（）；–—．～’…━〈〉【】％►"
"""CCNet's list. It also names a full-width 1, which is a digit and has become 0 by then."""
_CONTROL = [*range(32), *range(127, 160)]
_LINE_FEED = ord("\n")
_TAKEN_OUT = 0xFFFFFFFF
_ASCII_DIGITS = bytes.maketrans(b"0123456789", b"0000000000")
_ASCII_CONTROL = bytes(code for code in _CONTROL if code < 128 and code != _LINE_FEED)


def paragraph_hashes(paragraphs: Sequence[str]) -> UInt64[np.ndarray, " paragraphs"]:
    """The hashes that CCNet has of paragraphs, none of which has a line feed in it."""
    if not paragraphs:
        return np.empty(0, np.uint64)
    digests = b"".join([sha1(line, usedforsecurity=False).digest()[:8] for line in normal_forms(paragraphs)])
    return np.frombuffer(digests, "<u8").astype(np.uint64, copy=False)


def normal_forms(paragraphs: Sequence[str]) -> list[bytes]:
    """Their normal forms in UTF-8. All are treated as one text, apart by line feeds, which no rule looks across."""
    text = "\n".join([paragraph.strip() for paragraph in paragraphs]).lower()
    if text.isascii():
        return text.encode().translate(_ASCII_DIGITS, _ASCII_CONTROL).split(b"\n")
    # Half pairs of surrogates, which UTF-8 has not, pass as they are: two equal paragraphs stay equal.
    codes = _form_of_code()[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")]
    left = codes[codes != _TAKEN_OUT].tobytes().decode("utf-32-le", "surrogatepass")
    return left.encode("utf-8", "surrogatepass").split(b"\n")


@cache
def _form_of_code() -> UInt32[np.ndarray, " codes"]:
    """For each code point what it becomes; lowercasing, which looks at neighbours, is not in it."""
    form = np.arange(0x110000, dtype=np.uint32)
    form[[code for code in range(0x110000) if unicodedata.category(chr(code)) == "Nd"]] = ord("0")
    form[[*map(ord, PUNCTUATION), *_CONTROL]] = _TAKEN_OUT
    form[_LINE_FEED] = _LINE_FEED
    return form
