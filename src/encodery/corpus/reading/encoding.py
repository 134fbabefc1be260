"""Bytes of a web page to text, in the encoding that the page or its header says."""

_WIDER = {"shift_jis": "cp932", "euc_kr": "cp949", "gbk": "gb18030", "big5": "big5hkscs", "iso8859-11": "cp874"}
"""What browsers read under these names (https://encoding.spec.whatwg.org), by its name in Python."""
_WRONG = 0.02
"""With so large a share of characters that cannot be decoded the encoding is not the one that was said."""
_COMPARED_BYTES = 1 << 14
_REPLACED = "\ufffd"


def decode(data: bytes, charset: str = "") -> str:
    """The text of a page, never an error: a byte order mark decides, then `charset` (of the HTTP header), then what
    its `<meta>` says, else its bytes are compared with those of languages.

    Data that is valid UTF-8 beyond ASCII is that, whatever is said: text in another encoding hardly ever looks so.
    What cannot be decoded becomes U+FFFD.
    """
    if (text := _utf8(data)) is not None:
        return text
    is_marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    # here: plain text is read without this package
    from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

    said = "" if is_marked else map_encoding_to_html5(charset, False)
    text = _decoded(data, said or detect_encoding(data, _COMPARED_BYTES, from_html_meta=True))
    if text.count(_REPLACED) <= _WRONG * len(text):
        return text
    return min(
        text,
        _decoded(data, detect_encoding(data, _COMPARED_BYTES)),
        key=lambda text: text.count(_REPLACED) / len(text),
    )


def _utf8(data: bytes) -> str | None:
    """The text if it is UTF-8; escapes begin other encodings of seven bits."""
    if b"\x1b" in data:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _decoded(data: bytes, name: str | None) -> str:
    name = name or "utf-8"
    try:
        text = data.decode(_WIDER.get(name, name), "replace")
    except LookupError:
        text = data.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")
