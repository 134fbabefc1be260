"""Records of crawl files: whole ones with their place, damaged ones named."""

import gzip
import io

import fastwarc.warc
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.reading import members, warc
from encodery.corpus.reading.warc import Record, read_records
from tests.corpus.reading.crawl import packed, record

RECORDS = [
    record(f"text {number} ".encode() * (11 + number), "conversion", f"http://e.x/{number}") for number in range(5)
]
STARTS = [sum(map(len, RECORDS[:number])) for number in range(5)]


def read(data: bytes) -> tuple[list[Record], list[tuple[str, str]]]:
    damage: list[tuple[str, str]] = []
    return list(read_records(io.BytesIO(data), "a.warc", lambda *found: damage.append(found))), damage


def summary(data: bytes) -> list[tuple[str, str]]:
    """The place and the number of each record."""
    return [(each.place, each.header["warc-target-uri"][-1]) for each in read(data)[0]]


def test_records_as_fastwarc_reads_them() -> None:
    found, damage = read(b"".join(RECORDS))
    assert damage == []
    reference = list(fastwarc.warc.ArchiveIterator(io.BytesIO(b"".join(RECORDS))))
    for ours, theirs in zip(found, reference, strict=True):
        assert ours.place == str(theirs.stream_pos)
        assert ours.header == {name.lower(): value for name, value in theirs.headers.to_dict().items()}
        assert len(ours.data) - ours.start == theirs.content_length
    assert found[3].data[found[3].start :] == b"text 3 " * 14


def test_the_place_is_the_offset_of_the_member_or_in_it() -> None:
    parts = [gzip.compress(each, mtime=0) for each in RECORDS]
    starts = [str(sum(map(len, parts[:number]))) for number in range(5)]
    assert summary(b"".join(parts)) == [(start, str(number)) for number, start in enumerate(starts)]
    inside = ["0", *(f"0+{start}" for start in STARTS[1:])]
    for whole in (gzip.compress(b"".join(RECORDS)), zstandard.compress(b"".join(RECORDS))):
        assert summary(whole) == [(place, str(number)) for number, place in enumerate(inside)]


def test_records_may_lie_over_members_and_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"".join(RECORDS)
    data = b"".join(gzip.compress(whole[at : at + 61]) for at in range(0, len(whole), 61))
    found, damage = read(data)
    assert [each.data for each in found] == [each[:-4] for each in RECORDS]
    assert damage == []


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\r\n\r\n\r\n\r\n"])
def test_ends_of_records_as_writers_have_them(end: bytes) -> None:
    data = b"".join(each.removesuffix(b"\r\n\r\n") + end for each in RECORDS)
    found, damage = read(data)
    assert ([each.header["warc-target-uri"][-1] for each in found], damage) == (list("01234"), [])


def test_files_whose_ends_of_line_were_converted() -> None:
    data = b"".join(record(b"one\r\ntwo\r\n\r\nthree", "conversion") for _ in range(3)).replace(b"\r\n", b"\n")
    for whole in (data, data.rstrip(b"\n")):
        found, damage = read(whole)
        assert [each.data[each.start :].rstrip(b"\n") for each in found] == [b"one\ntwo\n\nthree"] * 3
        assert damage == []


def test_a_converted_record_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc, "MAX_RECORD_BYTES", 1000)
    monkeypatch.setattr(members, "_PLAIN_BYTES", 100)
    long = record(b"text " * 100, "conversion") + b"text " * 300
    assert read(long.replace(b"\r", b""))[1] == [("0", "a record of more than 1,000 bytes")]


def replaced(number: int, old: bytes, new: bytes) -> bytes:
    """The records, one of them changed."""
    assert old in RECORDS[number]
    return b"".join([*RECORDS[:number], RECORDS[number].replace(old, new), *RECORDS[number + 1 :]])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"Content-Length: 84", b"Content-Length: 83", "a record that does not end after its 83 bytes"),
        (b"Content-Length: 84", b"Content-Length: 99", "a record that does not end after its 99 bytes"),
        (b"Content-Length: 84", b"Content-Length: 84000", "830 of 84,000 bytes are there"),
        (
            b"Content-Length: 84",
            b"Content-Length: 99999999999",
            "a record of 99,999,999,999 bytes; at most 33,554,432 are read",
        ),
        (
            b"Content-Length: 84",
            b"Content-Length: -1",
            "a record that does not say how long it is (Content-Length: '-1')",
        ),
        (b"Content-Length: 84\r\n", b"", "a record that does not say how long it is (Content-Length: '')"),
        (b"WARC/1.0", b"WXRC/1.0", "no record begins here: b'WXRC/1.0\\r\\nWARC-Type:'"),
    ],
)
def test_a_damaged_record_costs_itself(old: bytes, new: bytes, reason: str) -> None:
    data = replaced(1, old, new)
    found, damage = read(data)
    assert [each.header["warc-target-uri"][-1] for each in found] == ["0", "2", "3", "4"]
    assert damage == [(str(STARTS[1]), reason)]


def test_bytes_between_records_are_named_once() -> None:
    data = RECORDS[0] + b"other bytes\r\n" * 9 + RECORDS[2]
    found, damage = read(data)
    assert len(found) == 2
    assert damage == [(str(STARTS[1]), "no record begins here: b'other bytes\\r\\nother b'")]


def test_a_file_that_ends_in_a_record() -> None:
    data = b"".join(RECORDS)
    found, damage = read(data[: STARTS[3] + len(RECORDS[3]) - 11])
    assert len(found) == 3
    assert damage == [(str(STARTS[3]), "91 of 98 bytes are there")]
    assert read(data[: STARTS[3] + 17])[1] == [(str(STARTS[3]), "a header without an end")]


def test_a_cut_member_is_named_once() -> None:
    data = packed(RECORDS)
    found, damage = read(data[:-13])
    assert len(found) == 4
    assert damage == [(str(len(packed(RECORDS[:4]))), "compressed data ends too early")]


def test_whole_records_of_a_single_member_that_is_cut() -> None:
    found, damage = read(gzip.compress(b"".join(RECORDS))[:-30])
    assert [each.data for each in found] == [each[:-4] for each in RECORDS][: len(found)]
    assert len(found) >= 2
    assert damage == [("0", "compressed data ends too early")]


def test_a_header_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warc, "MAX_HEADER_BYTES", 1000)
    long = RECORDS[1].replace(b"WARC-Date", b"X: " + b"x" * 1000 + b"\r\nWARC-Date")
    found, damage = read(RECORDS[0] + long + RECORDS[2])
    assert (len(found), damage) == (2, [(str(STARTS[1]), "a header without an end")])


def arc_record(number: int, content: bytes = b"", fields: bytes = b"") -> bytes:
    content = content or b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>%d" % number
    address = b"http://e.x/%d" % number
    return b"%b 1.2.3.4 20140216050221 text/html %b%d\n%b\n" % (address, fields, len(content), content)


ABOUT = b"1 0 A\nURL IP-address Archive-date Content-type Archive-length\n"
ARC = [
    b"filedesc://a.arc 0.0.0.0 20140216050221 text/plain %d\n%b\n" % (len(ABOUT), ABOUT),
    arc_record(1),
    b"dns:e.x 1.2.3.4 20140216050221 text/dns 7\ne.x. 1 \n",
    arc_record(3, fields=b"200 abc - 17 a.arc "),
    arc_record(4, b"no HTTP\n\n"),
    arc_record(5),
]


@pytest.mark.parametrize("is_packed", [False, True])
def test_arc(is_packed: bool) -> None:
    parts = [gzip.compress(each, mtime=0) for each in ARC] if is_packed else ARC
    found, damage = read(b"".join(parts))
    assert damage == []
    assert [each.place for each in found] == [str(sum(map(len, parts[:number]))) for number in range(6)]
    kinds = ["warcinfo", "response", "warcinfo", "response", "resource", "response"]
    assert [each.header["warc-type"] for each in found] == kinds
    assert found[3].header["warc-target-uri"] == "http://e.x/3"
    assert found[3].header["warc-date"] == "2014-02-16T05:02:21Z"
    assert found[4].header["content-type"] == "text/html"
    assert found[4].data[found[4].start :] == b"no HTTP\n\n"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b" 48\n", b" 47\n", "a record that does not end after its 47 bytes"),
        (b" 48\n", b" 4700\n", "{there} of 4,700 bytes are there"),
        (b" 48\n", b" 99999999999\n", "a record of 99,999,999,999 bytes; at most 33,554,432 are read"),
        (b" 48\n", b" x\n", "no record begins here: b'http://e.x/1 1.2.3.4'"),
        (b"http://e.x/1", b"x" * 20_000, f"no record begins here: {b'x' * 20!r}"),
    ],
)
def test_a_damaged_record_of_arc_costs_itself(old: bytes, new: bytes, reason: str) -> None:
    assert old in ARC[1]
    parts = [ARC[0], ARC[1].replace(old, new, 1), *ARC[2:]]
    found, damage = read(b"".join(parts))
    assert [each.data for each in found[1:]] == [each[:-1] for each in ARC[2:]]
    there = len(b"".join(parts)) - len(ARC[0]) - len(b"http://e.x/1 1.2.3.4 20140216050221 text/html 4700\n")
    assert damage == [(str(len(ARC[0])), reason.format(there=there))]


@given(st.binary(max_size=200))
def test_no_bytes_of_arc_raise(data: bytes) -> None:
    read(ARC[0] + data)
    read(gzip.compress(ARC[0] + data))
    assert read(ARC[0] + data + b"\n" + ARC[5])[0][-1].header["warc-target-uri"] == "http://e.x/5"


@given(st.data())
def test_whatever_happens_to_one_record_the_others_are_read(data: st.DataObject) -> None:
    is_packed = data.draw(st.booleans())
    parts = [gzip.compress(each, mtime=0) for each in RECORDS] if is_packed else list(RECORDS)
    hit = data.draw(st.integers(0, 4))
    at = data.draw(st.integers(0, len(parts[hit]) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "insert"]))
    before, after = parts[hit][:at], parts[hit][at:]
    if change == "flip":
        after = bytes([after[0] ^ data.draw(st.integers(1, 255))]) + after[1:]
    elif change == "cut":
        after = after[data.draw(st.integers(1, len(after))) :]
    else:
        after = data.draw(st.binary(min_size=1, max_size=30)) + after
    found, damage = read(b"".join([*parts[:hit], before + after, *parts[hit + 1 :]]))
    texts = [each.data for each in found]
    if is_packed and hit == 0 and at < 4:
        return  # a file that does not begin as gzip is not read as it
    untouched = [each[:-4] for number, each in enumerate(RECORDS) if number not in (hit, hit + 1)]
    assert [text for text in texts if text in untouched] == untouched
    if is_packed or (before + after)[-1:] in (b"\n", b""):  # the next header begins a line
        assert hit == 4 or RECORDS[hit + 1][:-4] in texts
    if is_packed and RECORDS[hit][:-4] not in texts:
        assert damage or parts[hit] != before + after


@given(st.data())
def test_a_file_may_be_cut_anywhere(data: st.DataObject) -> None:
    whole = packed(RECORDS)
    at = data.draw(st.integers(0, len(whole)))
    found, damage = read(whole[:at])
    complete = sum(len(packed(RECORDS[: number + 1])) <= at for number in range(5))
    assert [each.data for each in found][:complete] == [each[:-4] for each in RECORDS[:complete]]
    is_between = at in {len(packed(RECORDS[:number])) for number in range(6)}
    assert is_between == (damage == [])


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    read(data)
    read(b"WARC/1.0\r\n" + data)
    read(gzip.compress(b"WARC/1.0\r\n" + data))
