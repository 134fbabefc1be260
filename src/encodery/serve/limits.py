"""What a body may be: how large, how deep, strict JSON, so many inputs of such a length."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

from encodery.serve.exchange import exchange_of
from encodery.serve.problems import ClientGone, Problem
from encodery.serve.settings import Settings

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""One that does not end goes to the end of the body: a match begins at no byte twice."""
_JSON = re.compile(rb'application/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)


@dataclass(frozen=True)
class Records:
    """The records of a request, and where in its body they stand."""

    items: Sequence[str | Mapping[str, Any]]
    field: str
    is_list: bool = True
    """Whether there may be many; the answer to one alone is no list."""

    def pointer(self, place: int) -> str:
        """Where a record stands, as a JSON pointer."""
        return f"{self.field}/{place}" if self.is_list else self.field


async def read_json(request: Request, settings: Settings) -> dict[str, Any]:
    """The JSON object that a request carries.

    Raises:
        Problem: another media type; a body that is too large, as sent or once decompressed; none or not strict JSON.
        ClientGone: the client left.
    """
    headers = exchange_of(request.scope).headers
    # pages of strangers can post without a type, but not without an origin; clients of the protocol v2 send neither
    untyped = b"content-type" not in headers and b"origin" not in headers
    if not untyped and not _JSON.fullmatch(headers.get(b"content-type", b"").strip()):
        raise Problem("media_type", "the header Content-Type is not application/json", field="Content-Type")
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b"gzip"):
        raise Problem("media_type", "the header Content-Encoding is not gzip", field="Content-Encoding")
    body = await read_body(request, headers, settings.max_body_bytes)
    if encoding == b"gzip":
        body = decompress(body, settings.max_body_bytes)
    value = parse_json(body, settings.max_depth, settings.max_containers)
    if not isinstance(value, dict):
        raise Problem("invalid_input", "the body is not a JSON object", field="")
    return value


async def read_body(request: Request, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The bytes of a body; raises as `read_json`, and reads no more than the limit."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared[:20]) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def decompress(body: bytes, limit: int) -> bytes:
    """What was compressed by gzip, and no more of it than the limit.

    Raises:
        Problem: it is larger, or not gzip.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error:
        raise Problem("bad_json", "the body is not gzip, which the header Content-Encoding names") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not stream.eof or stream.unused_data:
        raise Problem("bad_json", "the body is not one whole gzip stream")
    return plain


def parse_json(body: bytes, max_depth: int, max_containers: int) -> Any:
    """A value from strict JSON.

    Raises:
        Problem: it is malformed, not UTF-8, with a lone surrogate, a number that is none or infinite, or a key twice;
            says at which byte. Or it is too deep, or has too many lists and objects.
    """
    if _opened(body) > max_containers and (count := _opened(_STRINGS.sub(b"", body))) > max_containers:
        raise Problem(
            "invalid_input",
            f"the body has {count} lists and objects; at most {max_containers} are read",
            field="",
            limit=max_containers,
            hint="send fewer inputs at once",
        )
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(body, error) from None
    keys = _count_keys(value, max_depth)
    # outside of strings there is a colon for each key: where fewer keys than colons are left, one was there twice
    if keys != body.count(b":") and keys != _STRINGS.sub(b"", body).count(b":"):
        raise Problem("bad_json", "an object has a key twice")
    return value


def _opened(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def _malformed(body: bytes, error: orjson.JSONDecodeError) -> Problem:
    try:
        position = len(body.decode()[: error.pos].encode())
    except UnicodeDecodeError as wrong:
        return Problem("bad_json", f"the body is not UTF-8, at byte {wrong.start}", limit="UTF-8")
    if "depth" in error.msg:
        return Problem("bad_json", "the body's lists and objects are too deep in each other")
    return Problem("bad_json", f"the body is not strict JSON: {error.msg}, at byte {position}")


def _count_keys(value: Any, max_depth: int) -> int:
    """Keys of all objects, level by level."""
    keys = depth = 0
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    while level:
        depth += 1
        if depth > max_depth:
            raise Problem("bad_json", "the body's lists and objects are too deep in each other", limit=max_depth)
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                keys += len(container)
                container = container.values()
            below += [child for child in container if type(child) is dict or type(child) is list]
        level = below
    return keys


def check_keys(body: Mapping[str, Any], allowed: Sequence[str], field: str = "") -> None:
    """Raises `Problem` for a key that is not allowed."""
    for key in body:
        if key not in allowed:
            raise Problem(
                "invalid_input",
                f"unknown key {key!r:.80}",
                field=f"{field}/{pointer(key)}",
                hint=f"allowed: {', '.join(allowed)}",
            )


def read_records(value: Any, settings: Settings, field: str = "/inputs") -> Records:
    """One or many records: texts, or objects whose texts are not too long.

    Raises:
        Problem: it is something else, none, or too much; `field` is where it stands in the body.
    """
    if isinstance(value, str | dict):
        check_text(value, settings, field)
        return Records([value], field, is_list=False)
    if not isinstance(value, list):
        raise Problem("invalid_input", "a text, an object or a list of these is needed", field=field)
    check_count(len(value), settings, field)
    for number, record in enumerate(value):
        if not isinstance(record, str | dict):
            raise Problem("invalid_input", "a record is a text or an object", field=f"{field}/{number}")
        check_text(record, settings, f"{field}/{number}")
    return Records(value, field)


def check_count(count: int, settings: Settings, field: str) -> None:
    """Raises `Problem` for no records, or too many."""
    if not count:
        raise Problem("invalid_input", "the list is empty; at least one record is needed", field=field, limit=1)
    if count > settings.max_inputs:
        raise Problem(
            "invalid_input",
            f"{count} records; at most {settings.max_inputs} are taken at once",
            field=field,
            limit=settings.max_inputs,
            hint="send them in several requests",
        )


def check_text(record: str | Mapping[str, Any], settings: Settings, field: str) -> None:
    """Raises `Problem` if a text of a record is too long."""
    if isinstance(record, str):
        _check_length(len(record), settings, field)
        return
    for key, value in record.items():
        if isinstance(value, str):
            _check_length(len(value), settings, f"{field}/{pointer(key)}")
        elif isinstance(value, list):
            total = sum(len(part) for part in value if isinstance(part, str))
            _check_length(total, settings, f"{field}/{pointer(key)}")


def read_name(body: Mapping[str, Any]) -> str | None:
    """The name of a model in a body, if there is one.

    Raises:
        Problem: it is no text.
    """
    name = body.get("model")
    if not isinstance(name, str | None):
        raise Problem("invalid_input", "the name of a model is a text", field="/model")
    return name


def pointer(key: str) -> str:
    """A key as a part of a JSON pointer (RFC 6901), at most 80 characters of it."""
    return key[:80].replace("~", "~0").replace("/", "~1")


def _check_length(characters: int, settings: Settings, field: str) -> None:
    if characters > settings.max_characters:
        raise Problem(
            "invalid_input",
            f"{characters} characters; at most {settings.max_characters} are read of a text",
            field=field,
            limit=settings.max_characters,
            hint="send the text in parts",
        )


def _too_large(limit: int) -> Problem:
    return Problem("body_too_large", f"the body is larger than {limit} bytes", limit=limit)
