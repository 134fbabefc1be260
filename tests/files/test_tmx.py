"""Translation memories."""

import io
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.files.tmx import MAX_SEGMENT_CHARACTERS, read_tmx
from tests.files.test_markup import BOMB, CHARACTERS

Row = tuple[int, str | None, str | None]


def unit(**texts: str) -> str:
    variants = (f'<tuv xml:lang="{language}"><seg>{text}</seg></tuv>' for language, text in texts.items())
    return f"<tu>{''.join(variants)}</tu>\n"


def memory(*units: str) -> bytes:
    return f'<?xml version="1.0"?>\n<tmx version="1.4"><header/><body>\n{"".join(units)}</body></tmx>'.encode()


def read(data: bytes, languages: tuple[str, str] = ("en", "de")) -> list[Row]:
    return list(read_tmx(io.BufferedReader(io.BytesIO(data)), "a.tmx", languages))


def fails(data: bytes, languages: tuple[str, str] = ("en", "de")) -> str:
    with pytest.raises(UserError) as error:
        read(data, languages)
    return str(error.value)


def test_the_two_languages_that_are_asked_for() -> None:
    data = memory(unit(fr="Un", en="One", de="Eins"), unit(de="Zwei", en="Two"), unit(en="Three"), unit(fr="Quatre"))
    assert read(data) == [(3, "One", "Eins"), (4, "Two", "Zwei"), (5, "Three", None), (6, None, None)]
    assert read(data, ("fr", "de"))[:2] == [(3, "Un", "Eins"), (4, None, "Zwei")]


@given(st.lists(st.tuples(st.text(CHARACTERS), st.text(CHARACTERS)), min_size=1, max_size=5))
def test_any_text_with_single_spaces(pairs: list[tuple[str, str]]) -> None:
    data = memory(*(unit(en=escape(source), de=escape(target)) for source, target in pairs))
    expected = [(" ".join(source.split()), " ".join(target.split())) for source, target in pairs]
    assert [(source, target) for _, source, target in read(data)] == expected


def test_regions_are_folded_and_the_nearest_counts() -> None:
    brazil, portugal = '<tuv xml:lang="pt-BR"><seg>trem</seg></tuv>', '<tuv lang="PT_pt"><seg>comboio</seg></tuv>'
    data = memory(f'<tu>{brazil}{portugal}<tuv lang="EN-US"><seg>train</seg></tuv></tu>')
    assert read(data, ("en", "pt")) == [(3, "train", "trem")]
    assert read(data, ("en-gb", "pt_PT")) == [(3, "train", "comboio")]
    assert read(data, ("pt", "pt-BR")) == [(3, "comboio", "trem")]


def test_markup_in_a_text_is_left_out_and_what_it_sets_off_is_not() -> None:
    text = 'Press <bpt i="1">&lt;b&gt;</bpt><hi>Start</hi><ept i="1">&lt;/b&gt;</ept> <ph>{0}<sub>alt</sub></ph>now'
    assert read(memory(unit(en=text, de="Jetzt")))[0][1] == "Press Start now"


def test_notes_are_no_text() -> None:
    note = '<tu><note>no</note><prop type="x">no</prop><tuv lang="en"><note>no</note><seg>yes</seg></tuv></tu>'
    assert read(memory(note, unit(de="ja")))[0] == (3, "yes", None)


def test_files_that_cannot_be_used() -> None:
    assert fails(memory(unit(en="a", fr="b"))) == ("a.tmx: no text is in the language 'de'; the file has en, fr")
    assert fails(memory()) == "a.tmx: no text is in the language 'en'; the file has none"
    assert fails(b"<html></html>") == "a.tmx:1: the first element is <html>, in a TMX file it is <tmx>"
    assert "the entity x is declared" in fails(BOMB)
    long = memory(unit(en="a" * (MAX_SEGMENT_CHARACTERS + 1), de="b"))
    assert fails(long) == "a.tmx:3: a text over 1,048,576 characters; break it up"
