"""Protocol buffers on the wire: a message is a list of (field number, value). Any bytes may come from a stranger.

Read by hand: thirty lines against a dependency, and a file from outside meets no other code.
"""

from collections.abc import Iterator
from typing import Any

_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}


class MalformedError(ValueError):
    """Bytes that are no message; the caller knows the file's name."""


def fields(message: bytes | int) -> Iterator[tuple[int, Any]]:
    """The fields of a message: whole numbers, or the bytes of any other type, nested messages among them.

    Raises:
        MalformedError: a field is of no known type or reaches beyond the message; or `message` is a number, as the
            value of a field can be where a nested message should be.
    """
    if isinstance(message, int):
        raise MalformedError(f"the number {message} where a message should be")
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = varint(message, at)
            yield number, value
            continue
        if kind != _SIZED and kind not in _FIXED:
            raise MalformedError(f"a field of the unknown kind {kind}")
        size = _FIXED.get(kind, 0)
        if kind == _SIZED:
            size, at = varint(message, at)
        if at + size > len(message):
            raise MalformedError("a field reaches beyond its message")
        yield number, message[at : at + size]
        at += size


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number in groups of seven bits at `at`, and where it ends.

    Raises:
        MalformedError: it does not end.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise MalformedError("a number without an end")
