"""Bytes of pages in the encoding that is said, or that they are in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading.encoding import decode

RUSSIAN = "Сегодня в городе хорошая погода, и все дети играют на улице."


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "koi8-r", "KOI8-R"),
        ("žluťoučký kůň", "iso8859-2", "ISO-8859-2"),
        ("“smart” quotes – and dashes", "cp1252", "iso-8859-1"),
        ("日本語の文章です", "cp932", "Shift_JIS"),
        ("日本語の文章です", "euc_jp", "euc-jp"),
        ("日本語の文章です", "iso2022_jp", "iso-2022-jp"),
        ("简体中文网页", "gb18030", "gb2312"),
        ("繁體中文網頁", "big5", "big5"),
        ("한국어 문서", "cp949", "euc-kr"),
        ("ภาษาไทย", "cp874", "tis-620"),
        ("schön", "utf-8", "utf-8"),
    ],
)
def test_as_the_header_or_the_page_says(text: str, encoding: str, said: str) -> None:
    assert decode(text.encode(encoding), said) == text
    page = f'<html><head><meta charset="{said}"></head><body>{text}'
    assert decode(page.encode(encoding)) == page


def test_the_header_goes_before_the_page() -> None:
    page = f'<meta charset="koi8-r">{RUSSIAN}'
    assert decode(page.encode("cp1251"), "windows-1251") == page


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_of_byte_order_goes_before_all(encoding: str) -> None:
    assert decode(RUSSIAN.encode(encoding), "windows-1252") == RUSSIAN


def test_utf_8_is_that_whatever_is_said() -> None:
    assert decode(RUSSIAN.encode(), "iso-8859-1") == RUSSIAN


def test_what_nobody_says_is_found_out() -> None:
    assert decode(RUSSIAN.encode("cp1251")) == RUSSIAN
    assert decode(RUSSIAN.encode("koi8-r"), "no-such-thing") == RUSSIAN


def test_what_was_said_wrongly_is_found_out() -> None:
    assert decode((RUSSIAN * 7).encode("cp1251"), "utf-8") == RUSSIAN * 7


def test_one_wrong_byte_does_not_change_the_encoding() -> None:
    text = "ein schöner Satz mit Umläuten, der länger ist als ein paar Wörter. " * 3
    assert decode(text.encode() + b"\xff!", "utf-8") == text + "\ufffd!"


@given(st.binary(max_size=200), st.text(max_size=11))
def test_no_bytes_raise(data: bytes, said: str) -> None:
    decode(data, said).encode()
