"""Stretches of bytes and the names of places in them."""

from collections.abc import Iterator

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
    assert (read.data[read.at :], read.place(read.at), read.place(read.at + 2)) == (b"efghij", "0+4", "11+1")
    read.at += 6
    assert read.more()
    assert (read.data, read.place(read.at)) == (b"klm", "29")


def test_a_stretch_ends_at_a_gap() -> None:
    read = flow(Piece(b"abc", 0, 0), None, Piece(b"def", 17, 0), None)
    assert read.next_stretch()
    assert not read.need(4)
    assert read.broken
    assert read.next_stretch()
    assert (read.data, read.broken, read.place(0)) == (b"def", False, "17")
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
