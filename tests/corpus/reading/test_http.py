"""The page inside an HTTP message."""

import gzip
import io
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading import http
from encodery.corpus.reading.http import Payload, payload_of
from encodery.corpus.reading.warc import Record, read_records
from tests.corpus.reading.crawl import record, response


def only(data: bytes) -> Record:
    damage: list[tuple[str, str]] = []
    (found,) = read_records(io.BytesIO(data), "a", lambda *what: damage.append(what))
    assert not damage
    return found


def payload(message: bytes, kind: str = "response", **more: str) -> Payload:
    found = payload_of(only(record(message, kind, **more)))
    assert found is not None
    return found


def test_what_a_response_says() -> None:
    assert payload(response(b"<html>", content_type='Text/HTML; Charset="Windows-1251"')) == Payload(
        200, "html", "Windows-1251", b"<html>"
    )
    assert payload(response(b"x", status="404 Not Found", content_type="text/plain")) == Payload(
        404, "text", "", b"x"
    )
    assert payload(response(b"{}", content_type="application/json")).kind is None


def test_a_page_without_a_type_is_known_by_its_beginning() -> None:
    message = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"
    assert payload(message + b" <!DOCTYPE html><p>").kind == "html"
    assert payload(message + b"%PDF-1.4").kind is None


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("Content-Encoding: gzip", gzip.compress(b"<p>text</p>", mtime=0)),
        ("Content-Encoding: x-gzip", gzip.compress(b"<p>text</p>", mtime=0)),
        ("Content-Encoding: deflate", zlib.compress(b"<p>text</p>")),
        ("Content-Encoding: deflate", zlib.compress(b"<p>text</p>")[2:-4]),  # as some servers understand it
        ("Content-Encoding: zstd", zstandard.compress(b"<p>text</p>")),
        ("Content-Encoding: gzip, gzip", gzip.compress(gzip.compress(b"<p>text</p>", mtime=0), mtime=0)),
        ("Content-Encoding: gzip\r\nTransfer-Encoding: chunked", chunked(gzip.compress(b"<p>text</p>", mtime=0))),
        ("Transfer-Encoding: chunked", chunked(b"<p>text</p>")),
        ("Transfer-Encoding: identity", b"<p>text</p>"),
        ("Content-Encoding: made-up", b"<p>text</p>"),
        ("Content-Encoding: gzip", b"<p>text</p>"),  # what says of itself that it is packed, and is not
        ("Content-Encoding: br", b"<p>text</p>"),
        ("Transfer-Encoding: chunked", b"<p>text</p>"),
    ],
)
def test_codings_are_taken_off(header: str, body: bytes) -> None:
    assert payload(response(body, header)).data == b"<p>text</p>"


def test_a_header_that_names_thousands_of_codings_costs_a_few() -> None:
    packed = [b"<p>text</p>"]
    for _ in range(7):
        packed.append(gzip.compress(packed[-1], mtime=0))
    codings = b", ".join([b"gzip"] * 7)
    message = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: %b\r\n\r\n%b" % (codings, packed[-1])
    assert payload(message) == Payload(200, None, "", packed[7 - http.MAX_CODINGS])


def test_of_a_cut_page_what_is_there() -> None:
    body = bytes(range(256)) * 700
    data = payload(response(gzip.compress(body, 1)[:-200], "Content-Encoding: gzip")).data
    assert body.startswith(data)
    assert data != b""


def test_a_page_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_PAGE_BYTES", 1 << 17)
    bomb = gzip.compress(b" " * (16 << 20))
    assert len(payload(response(bomb, "Content-Encoding: gzip")).data) == 1 << 17


def test_other_records() -> None:
    text = "wörter".encode()
    assert payload(text, "conversion") == Payload(200, "text", "utf-8", text)
    assert payload(b"<p>", "resource", Content_Type="text/html; charset=latin-1") == Payload(
        200, "html", "latin-1", b"<p>"
    )
    for kind in ("warcinfo", "request", "metadata", "revisit", "anything"):
        assert payload_of(only(record(b"text", kind))) is None
    assert payload_of(only(record(b"text", "resource", uri="metadata://gnu.org/wget.log"))) is None
    assert payload_of(only(record(b"text", "response", Content_Type="text/dns"))) is None


def test_bytes_that_are_no_text_are_not_taken_for_it() -> None:
    packed_otherwise = bytes(range(256)) * 9
    assert payload(response(packed_otherwise, "Content-Encoding: br")).kind is None
    assert payload(response(packed_otherwise, content_type="text/plain")).kind is None
    assert payload(response("<p>text</p>".encode("utf-16"))).kind == "html"


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    for message in (data, b"HTTP/1.1 200 OK\r\n" + data, response(data, "Content-Encoding: gzip, br, chunked")):
        payload_of(only(record(message)))
