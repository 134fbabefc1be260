"""Stretches of bytes and the names of places in them."""

from collections.abc import Iterator
from typing import Any, SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading import flow as flow_module
from encodery.corpus.reading.flow import Flow
from encodery.corpus.reading.members import Piece


def flow(*found: Piece | None) -> Flow:
    return Flow(iter(found))


def test_bytes_are_one_over_pieces_and_members() -> None:
    read = flow(Piece(b"abc", 0, 0), Piece(b"def", 17, 0), Piece(b"ghi", 17, 3))
    assert read.next_stretch()
    assert read.need(7)
    assert read.data == b"abcdefghi"
    assert not read.need(11)
    assert read.ended


def test_places_in_compressed_and_plain_files() -> None:
    read = flow(Piece(b"abc", 0, 0), Piece(b"def", 17, 0), Piece(b"ghi", 17, 3))
    read.next_stretch()
    read.need(9)
    assert [read.place(at) for at in (0, 2, 3, 5, 6, 8)] == ["0", "0+2", "17", "17+2", "17+3", "17+5"]
    plain = flow(Piece(b"abc", 0, None), Piece(b"def", 3, None))
    plain.next_stretch()
    plain.need(6)
    assert [plain.place(at) for at in (0, 2, 3, 5)] == ["0", "2", "3", "5"]


def test_places_stay_right_when_bytes_are_used_up() -> None:
    read = flow(Piece(b"abcde", 0, 0), Piece(b"fghij", 11, 0), Piece(b"klm", 29, 0))
    read.next_stretch()
    read.at = 4
    assert read.need(6)
    assert (bytes(read.data[read.at :]), read.place(read.at), read.place(read.at + 2)) == (b"efghij", "0+4", "11+1")
    read.at += 6
    assert read.more()
    assert (bytes(read.data), read.place(read.at)) == (b"klm", "29")


def test_a_stretch_ends_at_a_gap() -> None:
    read = flow(Piece(b"abc", 0, 0), None, Piece(b"def", 17, 0), None)
    assert read.next_stretch()
    assert not read.need(4)
    assert read.broken
    assert read.next_stretch()
    assert (bytes(read.data), read.broken, read.place(0)) == (b"def", False, "17")
    assert not read.more()
    assert read.next_stretch() is False
    assert read.ended


def test_two_gaps_in_a_row_do_not_end_it() -> None:
    read = flow(None, None, Piece(b"a", 3, 0))
    stretches = []
    while read.next_stretch():
        stretches.append(read.data)
    assert stretches[-1] == b"a"


def test_marks_are_found_over_the_ends_of_pieces() -> None:
    def bytes_of(text: bytes) -> Iterator[Piece | None]:
        yield from (Piece(text[at : at + 1], at, None) for at in range(len(text)))

    read = Flow(bytes_of(b"a WAR WARC/1"))
    read.next_stretch()
    assert read.skip_to(b"WARC/")
    assert read.place(read.at) == "6"
    read.at += 1
    assert not read.skip_to(b"WARC/")
    assert read.at == len(read.data)


@given(
    st.lists(st.binary(min_size=1, max_size=7), max_size=30), st.lists(st.tuples(st.booleans(), st.integers(0, 9)))
)
def test_bytes_and_places_are_those_of_the_whole(parts: list[bytes], steps: list[tuple[bool, int]]) -> None:
    """Whatever is used up, and whenever: each part is a member of 100 bytes."""
    whole = b"".join(parts)
    names = [
        str(100 * number) + (f"+{at}" if at else "") for number, part in enumerate(parts) for at in range(len(part))
    ]
    read = flow(*(Piece(part, 100 * number, 0) for number, part in enumerate(parts)))
    read.next_stretch()
    used = 0
    for is_used, size in steps:
        there = read.need(size)
        assert there == (used + size <= len(whole))
        assert read.peek(size) == whole[used : used + size]
        size = min(size, len(read.data) - read.at)
        for at in range(size):
            assert read.place(read.at + at) == names[used + at]
        if is_used:
            read.at += size
            used += size


@given(st.lists(st.text("ab", min_size=1, max_size=5)), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30))))
def test_what_is_found_is_the_next_within_the_limit(parts: list[str], steps: list[tuple[int, int]]) -> None:
    whole = "".join(parts).encode()
    read = flow(*(Piece(part.encode(), 0, None) for part in parts))
    read.next_stretch()
    used = 0
    for step, limit in steps:
        assert read.find(b"aba", step, limit) == max(whole.find(b"aba", used + step, used + limit) - used, -1)
        step = min(step, len(read.data) - read.at)
        read.at, used = read.at + step, used + step


class Counted(bytearray):
    """Bytes that count how many of them are copied or searched."""

    work = 0

    def __iadd__(self, other: Any) -> "Counted":
        Counted.work += len(other)
        return super().__iadd__(other)

    def __add__(self, other: Any) -> bytearray:
        Counted.work += len(self) + len(other)
        return super().__add__(other)

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        Counted.work += len(found) if isinstance(place, slice) else 1
        return found

    def find(self, mark: Any, first: SupportsIndex | None = 0, end: SupportsIndex | None = None) -> int:
        last = len(self) if end is None else min(int(end), len(self))
        found = super().find(mark, first, last)
        Counted.work += (found if found >= 0 else last) - min(int(first or 0), last)
        return found


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    """What a flow keeps its bytes in."""
    monkeypatch.setattr(flow_module, "bytearray", Counted, raising=False)
    monkeypatch.setattr(Counted, "work", 0)
    return Counted


def small_pieces(number: int) -> Iterator[Piece]:
    return (Piece(b"0123456789a", 31 * at, 0) for at in range(number))


def test_one_record_over_thousands_of_members_is_copied_once(counted: type[Counted]) -> None:
    read = Flow(small_pieces(4001))
    assert read.next_stretch()
    assert read.need(11 * 4000)
    assert counted.work == 11 * 4000, "each byte when it comes"
    assert read.place(11 * 3999 + 2) == f"{31 * 3999}+2"
    assert read.find(b"x", 0, 11 * 4001) == -1
    assert counted.work < 3 * 11 * 4001


def test_a_mark_that_is_not_there_is_searched_for_once(counted: type[Counted]) -> None:
    """Else a page without an end would cost its length for each of its beginnings."""
    read = Flow(small_pieces(4001))
    read.next_stretch()
    for _ in range(4001):
        assert read.find(b"b", 1, 11 * 5000) == -1
        read.at += 11
    assert counted.work < 3 * 11 * 4001


def test_what_is_kept_is_not_copied_when_a_little_of_it_is_used(counted: type[Counted]) -> None:
    read = Flow(small_pieces(4001))
    read.next_stretch()
    while read.need(11 * 1000):
        read.at += 11
    assert counted.work == 11 * 4001
    assert len(read._starts) <= 2 * 1001, "nor do the places of what is used stay"
