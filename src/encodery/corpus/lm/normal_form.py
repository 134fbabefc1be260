"""The form of text that CCNet's language models read (cc_net `text_normalizer.normalize`; Wenzek et al., 2020,
section 3.3): small letters, no accents, 0 for every digit, plain marks for typographic ones, no control
characters."""

import unicodedata
from functools import cache

import numpy as np
from jaxtyping import UInt32

_PLAIN = {
    **dict.fromkeys("，、", ","),
    **dict.fromkeys("。", "."),
    **dict.fromkeys("„”“«»１」「《》", '"'),  # the full-width 1 is in CCNet's list; it is a digit, and 0 by then
    **dict.fromkeys("´’", "'"),
    **dict.fromkeys("∶：", ":"),
    **dict.fromkeys("–━►", "-"),
    "？": "?",
    "！": "!",
    "（": "(",
    "）": ")",
    "；": ";",
    "～": "~",
    "〈": "<",
    "〉": ">",
    "【": "[",
    "】": "]",
    "％": "%",
    "—": " - ",
    "．": ". ",
    "…": "...",
}
_LONG = {mark: plain for mark, plain in _PLAIN.items() if len(plain) > 1}
_CONTROL = [code for code in (*range(32), *range(127, 160)) if code != ord("\n")]
_TAKEN_OUT = 0xFFFFFFFF
_ASCII_DIGITS = bytes.maketrans(b"0123456789", b"0000000000")
_ASCII_CONTROL = bytes(code for code in _CONTROL if code < 128)


def normal_form(text: str) -> str:
    """The normal form of each line of a text."""
    text = "\n".join([line.strip() for line in text.split("\n")])
    if text.isascii():
        return text.encode().lower().translate(_ASCII_DIGITS, _ASCII_CONTROL).decode()
    text = unicodedata.normalize("NFD", text.lower())
    codes = _form_of_code().take(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4"))
    text = codes[codes != _TAKEN_OUT].tobytes().decode("utf-32-le", "replace")
    for mark, plain in _LONG.items():
        text = text.replace(mark, plain)
    return text


@cache
def _form_of_code() -> UInt32[np.ndarray, " codes"]:
    """For each code point what it becomes; marks of which several characters become are left for later."""
    form = np.arange(0x110000, dtype=np.uint32)
    categories = [unicodedata.category(chr(code)) for code in range(len(form))]
    form[[code for code, category in enumerate(categories) if category == "Nd"]] = ord("0")
    form[[code for code, category in enumerate(categories) if category == "Mn"]] = _TAKEN_OUT
    for mark, plain in _PLAIN.items():
        if mark not in _LONG and categories[ord(mark)] != "Nd":
            form[ord(mark)] = ord(plain)
    form[_CONTROL] = _TAKEN_OUT
    return form
