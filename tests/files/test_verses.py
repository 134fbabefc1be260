"""Verses by their ids."""

import io

import pytest

from encodery.errors import UserError
from encodery.files.tmx import MAX_SEGMENT_CHARACTERS
from encodery.files.verses import read_verses
from tests.files.test_markup import BOMB


def read(data: bytes) -> list[tuple[int, str, str]]:
    return list(read_verses(io.BufferedReader(io.BytesIO(data)), "a.xml"))


def fails(data: bytes) -> str:
    with pytest.raises(UserError) as error:
        read(data)
    return str(error.value)


def test_verses_alone_with_their_lines() -> None:
    data = b"""<cesDoc><h.title>no</h.title><body>
    <seg id="b.GEN.1.1" type="verse">
      In the <i>beginning</i>  &amp; so
    </seg><seg id="no" type="title">no</seg>
    <seg id="b.GEN.1.2" type="verse"/></body></cesDoc>"""
    assert read(data) == [(2, "b.GEN.1.1", "In the beginning & so"), (5, "b.GEN.1.2", "")]


def test_files_that_cannot_be_used() -> None:
    verse = '<seg id="b.GEN.1.1" type="verse">a</seg>'
    assert fails(f"<a>{verse}\n{verse}</a>".encode()) == (
        "a.xml:2: a verse comes twice, id = 'b.GEN.1.1'; verses are joined by it: repair the file"
    )
    assert fails(b'<a><seg type="verse">a</seg></a>') == (
        "a.xml:1: a verse has no id; verses are joined by it: repair the file"
    )
    assert fails(b"<a>text</a>") == (
        'a.xml: there is no <seg id="..." type="verse"> in it; set format = "txt" if it has lines'
    )
    assert "the entity x is declared" in fails(BOMB)
    long = f'<a><seg id="b" type="verse">{"a" * (MAX_SEGMENT_CHARACTERS + 1)}</seg></a>'
    assert fails(long.encode()) == "a.xml:1: a verse over 1,048,576 characters"
