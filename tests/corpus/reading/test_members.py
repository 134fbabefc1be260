"""Members of compressed files: all of them, damaged ones named, the others read."""

import bz2
import gzip
import io
import random
import tracemalloc
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading import members
from encodery.corpus.reading.members import Piece, pieces

TEXTS = [f"member {number} ".encode() * (37 + number) for number in range(5)]
PACKERS: dict[str, Any] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
NOISE = random.Random(7).randbytes(90001)


def read(data: bytes) -> tuple[list[Piece | None], list[tuple[int, str]]]:
    damage: list[tuple[int, str]] = []
    found = list(pieces(io.BytesIO(data), "a.gz", lambda offset, reason: damage.append((offset, reason))))
    return found, damage


def texts(data: bytes) -> list[bytes]:
    return [piece.data for piece in read(data)[0] if piece]


@pytest.mark.parametrize("packer", PACKERS)
def test_each_member_is_a_piece_with_its_offset(packer: str) -> None:
    packed = [PACKERS[packer](text) for text in TEXTS]
    found, damage = read(b"".join(packed))
    starts = [sum(map(len, packed[:number])) for number in range(5)]
    assert found == [Piece(text, start, 0) for text, start in zip(TEXTS, starts, strict=True)]
    assert damage == []


def test_without_compression_a_piece_is_at_its_own_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_PLAIN_BYTES", 7)
    assert read(b"0123456789") == ([Piece(b"0123456", 0, None), Piece(b"789", 7, None)], [])
    assert read(b"") == ([], [])


@pytest.mark.parametrize("packer", PACKERS)
def test_a_damaged_member_costs_itself(packer: str) -> None:
    packed = [PACKERS[packer](text) for text in TEXTS]
    start = len(packed[0])
    middle = bytearray(packed[1])
    middle[len(middle) // 2] ^= 0x55
    middle[len(middle) // 2 + 1] ^= 0x55
    found, damage = read(b"".join([packed[0], bytes(middle), *packed[2:]]))
    assert [piece and piece.data for piece in found] in ([TEXTS[0], None, *TEXTS[2:]], [TEXTS[0], *TEXTS[1:]])
    if packer == "gzip":
        assert damage[0][0] == start
        assert damage[0][1].startswith("broken compressed data (Error -3 while decompressing data")


def test_a_wrong_checksum_is_noticed_before_anything_is_given_out() -> None:
    packed = bytearray(gzip.compress(TEXTS[0]))
    packed[-6] ^= 1
    assert read(bytes(packed)) == (
        [None],
        [(0, "broken compressed data (Error -3 while decompressing data: incorrect data check)")],
    )


def test_of_a_cut_member_what_is_there_is_given_out() -> None:
    found, damage = read(gzip.compress(TEXTS[0]) + gzip.compress(NOISE)[:-700])
    assert found[0] is not None
    assert found[1] is not None
    assert NOISE.startswith(found[1].data)
    assert len(found[1].data) > 80000
    assert found[2:] == [None]
    assert damage == [(len(gzip.compress(TEXTS[0])), "compressed data ends too early")]


def test_other_bytes_between_members_are_passed_over() -> None:
    packed = [gzip.compress(text) for text in TEXTS]
    found, damage = read(packed[0] + b"\x1f\x8b\x08 is no member" * 3 + packed[1])
    assert [piece and piece.data for piece in found] == [TEXTS[0], None, TEXTS[1]]
    assert [offset for offset, _ in damage] == [len(packed[0])]


def test_zeros_behind_the_last_member_are_no_damage() -> None:
    assert read(gzip.compress(b"text") + b"\0" * 1000) == ([Piece(b"text", 0, 0)], [])


def test_large_members_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "WHOLE_BYTES", 1000)
    found, damage = read(gzip.compress(NOISE) + gzip.compress(b"next"))
    assert b"".join(piece.data for piece in found if piece) == NOISE + b"next"
    assert [piece.position for piece in found if piece][:2] == [0, len(found[0].data) if found[0] else -1]
    assert damage == []


def test_a_bomb_is_named_and_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "BOMB_BYTES", 1 << 20)
    monkeypatch.setattr(members, "WHOLE_BYTES", 1 << 20)
    bomb = gzip.compress(b"\0" * (64 << 20), 9)
    tracemalloc.start()
    size, damage = 0, list[tuple[int, str]]()
    for piece in pieces(io.BytesIO(bomb + gzip.compress(b"next")), "a", lambda *found: damage.append(found)):
        size += len(piece.data) if piece else 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert damage == [(0, "compressed data that expands more than 400 times")]
    assert size < 40 << 20
    assert peak < 50 << 20


@given(st.data())
def test_members_that_are_not_touched_are_all_read(data: st.DataObject) -> None:
    packed = [gzip.compress(text, mtime=0) for text in TEXTS]
    hit = data.draw(st.integers(0, 4))
    at = data.draw(st.integers(0, len(packed[hit]) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "insert"]))
    before, after = packed[hit][:at], packed[hit][at:]
    if change == "flip":
        after = bytes([after[0] ^ data.draw(st.integers(1, 255))]) + after[1:]
    elif change == "cut":
        after = after[data.draw(st.integers(1, len(after))) :]
    else:
        after = data.draw(st.binary(min_size=1, max_size=40)) + after
    changed = [*packed[:hit], before + after, *packed[hit + 1 :]]
    found = texts(b"".join(changed))
    for number, text in enumerate(TEXTS):
        if number != hit and not (hit == 0 and at < 2):  # a file that does not begin as gzip is read as it is
            assert text in found


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x1f\x8b\x08", b"BZh9", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"]),
)
def test_no_bytes_raise(tail: bytes, head: bytes) -> None:
    read(head + tail)
