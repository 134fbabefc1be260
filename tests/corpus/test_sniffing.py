"""What a file is by its first bytes."""

import bz2
import gzip
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.sniffing import has_json_lines, sniff

STARTS = {
    b"WARC/1.0\r\nWARC-Type: warcinfo\r\n": "warc",
    b"filedesc://a.arc 0.0.0.0 20140216050221 text/plain 75\n": "warc",
    b'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="de">': "wikipedia",
    b"\xef\xbb\xbf<!DOCTYPE HTML>\n<p>": "html",
    b"\n <html lang=en>": "html",
    b'<?xml version="1.0"?><!-- x --><!DOCTYPE html PUBLIC>': "html",
    b'<?xml version="1.0"?><tmx>': None,
    b"plain text": None,
    b"<htmlx>": None,
    b"": None,
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, zstandard.compress])
def test_formats(start: bytes, pack: Any) -> None:
    assert sniff(pack(start + b" and more" * 1000)) == STARTS[start]


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b'{"a": "b"}\n{"a', True),
        (b'\xef\xbb\xbf{"a": 1}\n{"a', True),
        (b'{"a": "b"}\n\n  {"a"', True),
        (b'{"a": "b"}\n', False),
        (b'{"a": "b"', False),
        (b'{\n"a": {\n', False),
        (b'{"a": \n{"b": 1}}', False),
        (b'[{"a": 1},\n{"a": 2}]', False),
        (b"{" * 9999 + b"\n{", False),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_json_lines(head: bytes, found: bool, pack: Any) -> None:
    assert has_json_lines(pack(head)) is found


def test_of_packed_data_a_beginning_is_enough() -> None:
    data = b"WARC/1.0\r\n" + bytes(range(256)) * 4000
    assert sniff(gzip.compress(data)[:1000]) == "warc"


def test_comments_without_end_take_no_time() -> None:
    """A page may begin so; ways to read many comments as fewer must not be tried one after the other."""
    assert sniff(b"<!---->" * 500 + b"x") is None
    assert sniff(b" <!-- a --> <!-- <p> -- -->\n<html>") == "html"


@given(st.binary(max_size=99), st.sampled_from([b"", b"\x1f\x8b", b"BZh9", b"\x28\xb5\x2f\xfd", b"<!--"]))
def test_no_bytes_raise(tail: bytes, head: bytes) -> None:
    sniff(head + tail)
