"""Protocol buffers: the bytes of `google.protobuf`, and any others."""

import pytest
from google.protobuf.struct_pb2 import Value
from google.protobuf.type_pb2 import Field
from hypothesis import given
from hypothesis import strategies as st

from encodery.files.protobuf import MalformedError, fields, varint


@given(st.integers(0, 2**31 - 1), st.text(st.characters(codec="utf-8")), st.floats(allow_nan=False))
def test_what_the_library_wrote_is_read(number: int, name: str, value: float) -> None:
    message = Field(number=number, name=name, json_name="x").SerializeToString()
    expected = {3: number, 4: name.encode(), 10: b"x"}
    assert dict(fields(message)) == {key: found for key, found in expected.items() if found}
    packed = dict(fields(Value(number_value=value).SerializeToString()))
    assert len(packed[2]) == 8


@given(st.binary(max_size=40))
def test_any_bytes_are_fields_or_malformed(data: bytes) -> None:
    message = None
    try:
        assert all(isinstance(value, int | bytes) for _, value in fields(data))
    except MalformedError as error:
        message = str(error)
    assert message is None or message.startswith("a ")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80", "a number without an end"),
        (b"\xff" * 11, "a number without an end"),
        (b"\x0a\x05abc", "reaches beyond its message"),
        (b"\x09abc", "reaches beyond its message"),
        (b"\x0b", "the unknown kind 3"),
    ],
)
def test_what_is_no_message(data: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        list(fields(data))


def test_a_number_and_where_it_ends() -> None:
    assert varint(b"\x00\xac\x02\x07", 1) == (300, 3)


def test_a_number_is_no_message() -> None:
    (number, value), *_ = fields(b"\x08\x02")
    assert (number, value) == (1, 2)
    with pytest.raises(MalformedError, match="the number 2 where a message should be"):
        list(fields(value))
