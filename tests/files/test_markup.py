"""XML as events, and what of it is refused."""

import gzip
import io
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.files.markup import MAX_DEPTH, MAX_TAG_BYTES, Event, xml_events
from encodery.files.streams import open_bytes

CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")


def events(data: bytes) -> list[Event]:
    return list(xml_events(io.BufferedReader(io.BytesIO(data)), "a.xml"))


def fails(data: bytes) -> str:
    with pytest.raises(UserError) as error:
        events(data)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_events_in_order_with_their_lines() -> None:
    assert events(b'<a>\n<b lang="x">t</b></a>') == [
        Event("start", "a", {}, 1),
        Event("text", "\n", {}, 2),
        Event("start", "b", {"lang": "x"}, 2),
        Event("text", "t", {}, 2),
        Event("end", "b", {}, 2),
        Event("end", "a", {}, 2),
    ]


@given(st.text(CHARACTERS, max_size=60), st.text(CHARACTERS, max_size=30), st.sampled_from(["utf-8", "utf-16"]))
def test_what_was_escaped_is_read_back(text: str, attribute: str, encoding: str) -> None:
    data = f'<?xml version="1.0"?><a b={quoteattr(attribute)}>{escape(text)}</a>'.encode(encoding)
    found = events(data)
    assert "".join(event.value for event in found if event.kind == "text") == text
    assert found[0].attributes["b"] == attribute


def test_text_of_any_length_and_a_latin_encoding() -> None:
    long = "é" * (3 * MAX_TAG_BYTES)
    data = f'<?xml version="1.0" encoding="iso-8859-1"?><a>{long}</a>'.encode("latin-1")
    assert "".join(event.value for event in events(data) if event.kind == "text") == long


BOMB = b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'


@pytest.mark.parametrize(
    "data",
    [
        BOMB,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://example.org/x.dtd"> %x;]><a/>',
        b'<!DOCTYPE a SYSTEM "a.dtd"><a>&x;</a>',
    ],
)
def test_entities_are_refused(data: bytes) -> None:
    assert fails(data) == (
        "a.xml:1: the entity x is declared or used; only &lt; &gt; &amp; &quot; &apos; and characters by number are "
        "allowed; write its text instead"
    )


def test_a_document_type_alone_is_passed_over(tmp_path: Path) -> None:
    assert next(event.kind for event in events(b'<!DOCTYPE a SYSTEM "no-such.dtd"><a>&amp;&#65;</a>')) == "start"


def test_what_would_fill_the_memory() -> None:
    assert fails(b"<a" + b" " * (2 * MAX_TAG_BYTES)) == "a.xml:1: a tag over 1 MiB; this is no text in XML"
    assert fails(b"\n<a>" * (MAX_DEPTH + 1)).startswith(f"a.xml:{MAX_DEPTH + 2}: elements nested over 256 deep")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"<a>\n<b></a>",
            "a.xml:2: not well-formed XML (mismatched tag, column 5); repair the file or fetch it again",
        ),
        (b"<a>", "a.xml:1: not well-formed XML (no element found, column 3); repair the file or fetch it again"),
        (b"", "a.xml:1: not well-formed XML (no element found, column 0); repair the file or fetch it again"),
        (b"plain", "a.xml:1: not well-formed XML (syntax error, column 0); repair the file or fetch it again"),
        (
            b"<a>\xff</a>",
            "a.xml:1: not well-formed XML (not well-formed (invalid token), column 3); repair the file or fetch it "
            "again",
        ),
    ],
)
def test_what_is_not_well_formed(data: bytes, message: str) -> None:
    assert fails(data) == message


def test_encodings_that_are_not_known() -> None:
    assert fails(b'<?xml version="1.0" encoding="no-such"?><a/>').startswith("a.xml: unknown encoding (")
    assert fails(b'<?xml version="1.0" encoding="shift_jis"?><a>\x82\xa0</a>').startswith("a.xml: unknown encoding (")


def test_a_compressed_file_that_ends_too_early(tmp_path: Path) -> None:
    path = tmp_path / "a.xml.gz"
    path.write_bytes(gzip.compress(b"<a>" + bytes(range(65, 90)) * 99)[:-20])
    with (
        open_bytes(path) as stream,
        pytest.raises(UserError, match=r"a.xml.gz: broken archive \(it ends too early\)"),
    ):
        list(xml_events(stream, str(path)))
