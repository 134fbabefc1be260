"""What a body may be, against a reference that reads JSON slowly and strictly."""

import asyncio
import gzip
import json
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.serve.app import create_app
from encodery.serve.limits import decompress, parse_json, pointer
from encodery.serve.problems import Problem
from tests.serve.fakes import JSON, call, send, service_of

PATH = "/v1/fill-mask"
SMALL = service_of(max_body_bytes=997)


def said(body: bytes | list[bytes], **headers: str) -> tuple[int, str, str]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    reply = call(SMALL, "POST", PATH, body, given)
    if reply.status == 200:
        return 200, "", ""
    return reply.status, reply.json["code"], reply.json["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not strict JSON: Input is a zero-length, empty document, at byte 0"),
        (b'{"inputs": ', "the body is not strict JSON: unexpected end of data, at byte 11"),
        (
            '{"größer": x}'.encode(),
            "the body is not strict JSON: unexpected character, expected a JSON value, at byte 13",
        ),
        (b'{"inputs": NaN}', "the body is not strict JSON: unexpected character, expected a JSON value, at byte 11"),
        (b'{"inputs": Infinity}', "unexpected character, expected a JSON value, at byte 11"),
        (b'{"inputs": 1e999}', "number is infinity when parsed as double"),
        (b'{"inputs": "\\ud800"}', "the body is not strict JSON: no low surrogate in string, at byte"),
        (b'{"inputs": "\xed\xa0\x80"}', "the body is not UTF-8, at byte 12"),
        (b'{"inputs": "\xff"}', "the body is not UTF-8, at byte 12"),
        (b'\xef\xbb\xbf{"inputs": "a"}', "UTF-8 byte order mark (BOM) is not supported"),
        (b'{"inputs": "a", "inputs": "b"}', "an object has a key twice"),
        (b'{"inputs": {"text": ":", "text": "b"}}', "an object has a key twice"),
        (b'{"inputs": ' + b"[" * 16 + b"]" * 16 + b"}", "the body's lists and objects are too deep in each other"),
        (b"[" * 450 + b"]" * 450, "the body's lists and objects are too deep in each other"),
        (b"text=a&model=b", "the body is not strict JSON"),
    ],
)
def test_what_is_not_strict_json(body: bytes, message: str) -> None:
    status, code, text = said(body, content_type="application/json")
    assert (status, code) == (400, "bad_json")
    assert message in text


def test_deeper_than_the_parser_goes() -> None:
    with pytest.raises(Problem, match="too deep in each other"):
        parse_json(b"[" * 5_000 + b"]" * 5_000, 16, 10_000)


def test_as_deep_as_allowed() -> None:
    assert parse_json(b'{"a":' + b"[" * 15 + b"]" * 15 + b"}", 16, 10_000)
    with pytest.raises(Problem) as caught:
        parse_json(b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", 16, 10_000)
    assert caught.value.limit == 16


class Pairs(tuple[Any, ...]):
    """An object as it is written: a key may be there twice."""


@pytest.mark.parametrize(
    ("body", "count"), [(b"[[],[],{}]", 4), (b'[[],"[{",{"[":"\\"["}]', 3), (b'[[],[],[],"[[[\\', 4)]
)
def test_lists_and_objects_are_counted_before_they_are_made(body: bytes, count: int) -> None:
    with pytest.raises(Problem) as caught:
        parse_json(body, 16, count - 1)
    assert caught.value.message == f"the body has {count} lists and objects; at most {count - 1} are read"
    try:
        parse_json(body, 16, count)
    except Problem as problem:
        assert problem.code == "bad_json"  # noqa: PT017 (the one of the three that is none)


TEXTS = st.text(st.sampled_from('":\\{}[],aü\n😀')) | st.text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.lists(st.tuples(TEXTS, inner), max_size=5).map(Pairs),
    max_leaves=17,
)


def written(value: Any) -> str:
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{json.dumps(key)}: {written(inner)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + " , ".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def has_a_key_twice(value: Any) -> bool:
    if isinstance(value, Pairs):
        keys = [key for key, _ in value]
        return len({*keys}) < len(keys) or any(has_a_key_twice(inner) for _, inner in value)
    return isinstance(value, list) and any(map(has_a_key_twice, value))


@given(VALUES)
def test_keys_that_are_there_twice_are_found(value: Any) -> None:
    try:
        text = written(value).encode()
    except UnicodeEncodeError:
        return
    if has_a_key_twice(value):
        with pytest.raises(Problem, match="an object has a key twice"):
            parse_json(text, 512, 10_000)
    else:
        assert parse_json(text, 512, 10_000) == json.loads(text)


@given(st.binary(max_size=97))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    try:
        strict = json.loads(body)
    except ValueError:
        with pytest.raises(Problem) as caught:
            parse_json(body, 16, 10_000)
        assert caught.value.code == "bad_json"
    else:
        with suppress(Problem):  # of what the reference reads, some is not strict: NaN, keys twice
            assert parse_json(body, 16, 10_000) == strict


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp",
     "application/json; charset=latin-1"],
)  # fmt: skip
def test_only_json(media_type: str) -> None:
    status, code, message = said(b'{"inputs": "a"}', content_type=media_type)
    assert (status, code, message) == (415, "media_type", "the header Content-Type is not application/json")


def test_without_a_type_it_is_json_unless_a_page_sent_it() -> None:
    """A browser always says whose page a POST is from; clients of the Open Inference Protocol say no type."""

    def status(**headers: str) -> int:
        reply = asyncio.run(send(create_app(SMALL), "POST", PATH, b'{"inputs": "a"}', headers))
        assert reply is not None
        return reply.status

    assert status() == 200
    assert status(origin="https://elsewhere.example") == status(origin="null") == 415


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_by_its_names(media_type: str) -> None:
    assert said(b'{"inputs": "a"}', content_type=media_type)[0] == 200


@pytest.mark.parametrize("size", [997, 998])
@pytest.mark.parametrize("way", ["declared", "parts", "gzip"])
def test_the_cap_is_exact(size: int, way: str) -> None:
    body = b'{"inputs": "' + b"a" * (size - 14) + b'"}'
    assert len(body) == size
    if way == "declared":
        status = said(body, content_length=str(size), **{"content-type": "application/json"})[0]
    elif way == "parts":
        status = said([body[:500], body[500:]], **{"content-type": "application/json"})[0]
    else:
        status = said(gzip.compress(body), content_encoding="gzip", **{"content-type": "application/json"})[0]
    assert status == (200 if size == 997 else 413)


def test_what_is_too_large_is_not_read() -> None:
    headers = {**JSON, "content-length": str(50 * 2**20)}
    reply = call(service_of(), "POST", PATH, b"", headers)
    assert (reply.status, reply.json["code"], reply.json["limit"]) == (413, "body_too_large", 4 * 2**20)
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize("length", ["9" * 400, "-1", "1e3"])
def test_a_length_that_is_none(length: str) -> None:
    assert said(b"{}", content_type="application/json", content_length=length)[0] == 413


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join([*(bomb.compress(bytes(2**20)) for _ in range(64)), bomb.flush()])
    assert len(packed) < 2**17
    with pytest.raises(Problem) as caught:
        decompress(packed, 997)
    assert caught.value.code == "body_too_large"


@pytest.mark.parametrize(
    "packed", [b"", b"plain", gzip.compress(b"{}", mtime=0)[:-3], gzip.compress(b"{}", mtime=0) * 2]
)
def test_what_is_not_gzip(packed: bytes) -> None:
    status, code, message = said(packed, content_encoding="gzip", content_type="application/json")
    assert (status, code) == (400, "bad_json")
    assert "gzip" in message


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_other_encodings(encoding: str) -> None:
    assert said(b"{}", content_encoding=encoding, content_type="application/json")[:2] == (415, "media_type")


def test_pointers() -> None:
    assert pointer("a/b~c") == "a~1b~0c"
    assert len(pointer("a" * 1000)) == 80
