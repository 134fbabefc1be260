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

from encodery.corpus.dedup.blocks import blocks
from encodery.corpus.dedup.words import lowercase

PUNCTUATION = "，。、„”“«»」「《》´∶：？！（）；–—．～’…━〈〉【】％►"
"""CCNet's list. It also names a full-width 1, which is a digit and has become 0 by then."""
_CONTROL = [*range(32), *range(127, 160)]
_LINE_FEED = ord("\n")
_TAKEN_OUT = 0xFFFFFFFF
_DIGEST_BYTES = 20
_NOT_BY_TABLE = "Σİ"
"""Their small letters depend on the neighbours, or are two."""
_ASCII_DIGITS = bytes.maketrans(b"0123456789", b"0000000000")
_ASCII_CONTROL = bytes(code for code in _CONTROL if code < 128 and code != _LINE_FEED)


def paragraph_hashes(paragraphs: Sequence[str]) -> UInt64[np.ndarray, " paragraphs"]:
    """The hashes that CCNet has of paragraphs, none of which has a line feed in it."""
    digests = [
        sha1(form, usedforsecurity=False).digest() for block in blocks(paragraphs) for form in normal_forms(block)
    ]
    table = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _DIGEST_BYTES)
    return table[:, :8].copy().view("<u8")[:, 0].astype(np.uint64)


def normal_forms(paragraphs: Sequence[str]) -> list[bytes]:
    """Their normal forms in UTF-8. All are treated as one text, apart by line feeds, which no rule looks across."""
    text = "\n".join([paragraph.strip() for paragraph in paragraphs])
    if text.isascii():
        return text.encode().lower().translate(_ASCII_DIGITS, _ASCII_CONTROL).split(b"\n")
    if any(letter in text for letter in _NOT_BY_TABLE):
        text = text.lower()
    # Half pairs of surrogates, which UTF-8 has not, pass as they are: two equal paragraphs stay equal.
    codes = _form_of_code().take(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4"))
    left = str(codes[codes != _TAKEN_OUT], "utf-32-le", "surrogatepass")
    return left.encode("utf-8", "surrogatepass").split(b"\n")


@cache
def _form_of_code() -> UInt32[np.ndarray, " codes"]:
    """For each code point what it becomes, in the order of CCNet's rules: lowercase, digits, what is taken out."""
    form = lowercase().copy()
    form[[code for code in range(len(form)) if unicodedata.category(chr(code)) == "Nd"]] = ord("0")
    taken_out = np.zeros(len(form), bool)
    taken_out[[*map(ord, PUNCTUATION), *_CONTROL]] = True
    taken_out[_LINE_FEED] = False
    form[taken_out[form]] = _TAKEN_OUT
    return form
