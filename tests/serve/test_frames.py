"""Whatever is sent arrives, in whatever pieces; what is no frame is refused before it costs memory."""

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.serve.frames import Frame, FrameError, Splitter, pack_frame

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=11,
)
FRAMES = st.lists(st.tuples(JSON, st.lists(st.binary(max_size=37), max_size=5)), min_size=1, max_size=5)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in pairwise(bounds)]


@given(FRAMES, st.lists(st.integers(0, 10**6), max_size=11))
def test_frames_arrive_whole_and_in_order_in_any_pieces(
    sent: list[tuple[Any, list[bytes]]], places: list[int]
) -> None:
    splitter = Splitter()
    stream = b"".join(pack_frame(head, parts) for head, parts in sent)
    frames = [frame for piece in cut(stream, places) for frame in splitter.feed(piece)]
    assert [frame.head for frame in frames] == [head for head, _ in sent]
    assert [frame.parts([len(part) for part in parts]) for frame, (_, parts) in zip(frames, sent, strict=True)] == [
        parts for _, parts in sent
    ]


@given(FRAMES)
def test_frames_arrive_byte_by_byte(sent: list[tuple[Any, list[bytes]]]) -> None:
    splitter = Splitter()
    stream = b"".join(pack_frame(head, parts) for head, parts in sent)
    frames = [frame for byte in stream for frame in splitter.feed(bytes([byte]))]
    assert frames == [Frame(head, b"".join(parts)) for head, parts in sent]


def test_a_frame_is_given_when_its_last_byte_is_there_and_no_earlier() -> None:
    splitter = Splitter()
    data = pack_frame({"a": 1}, [b"xyz"])
    assert list(splitter.feed(data[:-1])) == []
    assert list(splitter.feed(data[-1:])) == [Frame({"a": 1}, b"xyz")]


def test_a_reader_who_stops_in_between_loses_no_frame() -> None:
    splitter = Splitter()
    frames = splitter.feed(pack_frame(1) + pack_frame(2) + pack_frame(3))
    assert next(iter(frames)).head == 1
    frames.close()  # type: ignore[attr-defined]
    assert [frame.head for frame in splitter.feed(b"")] == [2, 3]


@pytest.mark.parametrize("max_bytes", [13, 1000])
def test_a_frame_that_is_too_large_is_refused_by_its_lengths_alone(max_bytes: int) -> None:
    lengths = struct.pack("!II", max_bytes, 1)
    with pytest.raises(FrameError, match=rf"a frame of {max_bytes + 1:,} bytes, but at most {max_bytes:,} are taken"):
        list(Splitter(max_bytes).feed(lengths))


def test_a_frame_of_the_largest_size_passes() -> None:
    head, body = "12345", b"123456"
    data = pack_frame(head, [body], max_bytes=13)
    assert list(Splitter(13).feed(data)) == [Frame(head, body)]
    with pytest.raises(FrameError, match="14 bytes, but at most 13 can be sent at once"):
        pack_frame(head, [body, b"7"], max_bytes=13)


@pytest.mark.parametrize("head", [b"", b"{", b"nan", b'"\xff"', b"{}{}"])
def test_a_head_that_is_no_json_is_refused(head: bytes) -> None:
    with pytest.raises(FrameError, match="the head of a frame is not JSON"):
        list(Splitter().feed(struct.pack("!II", len(head), 0) + head))


@given(st.binary(max_size=101))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    try:
        frames = list(Splitter(1000).feed(data))
    except FrameError:
        return
    assert sum(8 + len(frame.body) for frame in frames) <= len(data)


@pytest.mark.parametrize("sizes", [[2], [1, 1, 2], [-1, 4], []])
def test_sizes_that_are_not_those_of_the_body_are_refused(sizes: list[int]) -> None:
    with pytest.raises(FrameError, match="a body of 3 bytes was said to have"):
        Frame(None, b"abc").parts(sizes)


@pytest.mark.parametrize("head", ["\ud800", {1: "a"}, 2**70, object()])
def test_what_json_cannot_hold_is_an_error_of_type(head: object) -> None:
    with pytest.raises(TypeError):
        pack_frame(head)
