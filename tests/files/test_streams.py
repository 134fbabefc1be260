"""Opening and decoding: what comes out is the text, what cannot be read says where and why."""

import gzip
import io
import random
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import DamageError, UserError
from encodery.files import streams
from encodery.files.streams import UNREADABLE, EncodingErrors, decompress, inner_suffix, open_bytes, read_lines


def write(path: Path, data: bytes) -> Path:
    """Compressed as the name says."""
    if path.suffix in (".gz", ".tgz"):
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


def lines_of(path: Path, encoding_errors: EncodingErrors = "strict") -> list[str]:
    with open_bytes(path) as stream:
        return list(read_lines(stream, path.name, encoding_errors))


def fails(path: Path, encoding_errors: EncodingErrors = "strict") -> str:
    with pytest.raises(UserError) as caught:
        lines_of(path, encoding_errors)
    assert "\n" not in str(caught.value)
    return str(caught.value)


NOISE = random.Random(3).randbytes(300_007).hex().encode()


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst", ".GZ"])
def test_lines_of_plain_and_compressed_text(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.txt{suffix.lower()}", "one\ntwö\n\n漢字😀\nlast".encode())
    path = path.rename(tmp_path / f"b.txt{suffix}")
    assert lines_of(path) == ["one", "twö", "", "漢字😀", "last"]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_lines(tmp_path: Path, suffix: str, data: bytes) -> None:
    assert lines_of(write(tmp_path / f"a.txt{suffix}", data)) == []


def test_a_file_of_no_bytes_is_empty_whatever_its_name(tmp_path: Path) -> None:
    for name in ("a.txt", "a.txt.gz", "a.txt.zst"):
        (tmp_path / name).touch()
        assert lines_of(tmp_path / name) == []


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_members_and_frames_in_a_row_are_one_file(tmp_path: Path, pack: type) -> None:
    path = tmp_path / ("a.gz" if pack is gzip.compress else "a.zst")
    path.write_bytes(b"".join(pack(part) for part in (b"one\nt", b"", b"wo\n", NOISE)))
    assert lines_of(path) == ["one", "two", NOISE.decode()]


def test_byte_order_mark_and_carriage_returns_are_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbfone\r\ntwo\r\n\r\nin\rside\n\xef\xbb\xbfnot first\r\n")
    assert lines_of(path) == ["one", "two", "", "in\rside", "\ufeffnot first"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), max_size=13)))
def test_every_line_survives(lines: list[str]) -> None:
    data = "".join(line + "\n" for line in ["start", *lines]).encode()
    assert list(read_lines(io.BufferedReader(io.BytesIO(data)), "x")) == ["start", *lines]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_invalid_utf8_is_told_by_line_offset_and_bytes(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.txt{suffix}", b"\xef\xbb\xbffirst\r\ncaf\xe9 noir\n")
    assert fails(path) == f"{path.name}:2: invalid UTF-8 at byte 13: e9; convert the file to UTF-8"


def test_a_sequence_cut_short_shows_all_its_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"ok\n\xf0\x9f\x98")
    assert fails(path) == "a.txt:2: invalid UTF-8 at byte 3: f0 9f 98; convert the file to UTF-8"


def test_invalid_utf8_can_be_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"caf\xe9 noir\n\xf0\x9f\x98")
    assert lines_of(path, "replace") == ["caf\ufffd noir", "\ufffd"]


@pytest.mark.parametrize("encoding_errors", ["strict", "replace"])
def test_binary_data_is_not_text(tmp_path: Path, encoding_errors: EncodingErrors) -> None:
    image = write(tmp_path / "a.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    assert fails(image, encoding_errors) == ("a.txt:3: NUL byte at byte 8: binary data; Encodery reads text in UTF-8")
    late = write(tmp_path / "b.txt", b"line\n" * 30_011 + b"x\0")
    assert fails(late, encoding_errors) == (
        "b.txt:30012: NUL byte at byte 150056: binary data; Encodery reads text in UTF-8"
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_named(tmp_path: Path, encoding: str) -> None:
    mark = {"utf-16": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[encoding]
    path = write(tmp_path / "a.txt", mark + "text".encode(encoding))
    assert fails(path) == "a.txt: the file is in UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_LINE_BYTES", 1 << 20)
    path = write(tmp_path / "a.txt", b"short\n" + b"x" * (1 << 20) + b"\n")
    assert fails(path) == "a.txt:2: a line over 1 MiB; break it up"
    path = write(tmp_path / "b.txt", b"short\n" + b"x" * ((1 << 20) - 1) + b"\n")
    assert len(lines_of(path)[1]) == (1 << 20) - 1


def test_lines_that_cannot_be_read_are_told_and_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_LINE_BYTES", 7)
    path = write(tmp_path / "a.txt", b"one\ncaf\xe9\r\nthree\nfo\0r\n" + b"x" * 29 + b"\nsix\ncaf\xe9")
    told: list[str] = []
    with open_bytes(path) as stream:
        lines = list(read_lines(stream, "a.txt", damaged=lambda error: told.append(str(error))))
    assert lines == ["one", UNREADABLE, "three", UNREADABLE, UNREADABLE, "six", UNREADABLE]
    assert [message.partition(";")[0] for message in told] == [
        "a.txt:2: invalid UTF-8 at byte 7: e9",
        "a.txt:4: NUL byte at byte 18: binary data",
        "a.txt:5: a line over 0 MiB",
        "a.txt:7: invalid UTF-8 at byte 58: e9",
    ]


@pytest.mark.parametrize(
    "content", ["line\n".encode("utf-16-le") * 5, b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe\x00"]
)
def test_binary_data_is_no_text_with_damaged_lines(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "a.txt", content)
    with open_bytes(path) as stream, pytest.raises(DamageError, match="NUL byte"):
        list(read_lines(stream, "a.txt", damaged=lambda _: None))


def test_files_that_are_not_there_or_not_files(tmp_path: Path) -> None:
    absent = tmp_path / "absent.txt"
    assert fails(absent) == f"{absent}: no such file"
    assert fails(tmp_path) == f"{tmp_path}: cannot be read (Is a directory)"


def test_not_compressed_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(b"plain text")
    assert fails(tmp_path / "a.gz") == ("a.gz: broken archive (Not a gzipped file (b'pl')); fetch or pack it again")
    (tmp_path / "a.zst").write_bytes(b"plain text")
    message = fails(tmp_path / "a.zst")
    assert "Unknown frame descriptor" in message
    assert message.startswith("a.zst: broken archive (zstd decompress")
    assert message.endswith("); fetch or pack it again")


@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_a_file_cut_at_any_point_is_noticed(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"one line\n" * 7 + NOISE)
    data = path.read_bytes()
    for length in (*range(2, 23), len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        assert fails(path).startswith(f"{name}: broken archive (")


@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_damage_inside_is_noticed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    packed = gzip.compress(NOISE) if name == "a.gz" else zstandard.ZstdCompressor(write_checksum=True).compress(NOISE)
    path.write_bytes(packed[:100_003] + bytes([packed[100_003] ^ 0xFF]) + packed[100_004:])
    assert "broken archive (" in fails(path) or "UTF-8" in fails(path)


def test_zstd_with_a_window_of_2_gib_is_read(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=31)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (tmp_path / "a.zst").write_bytes(stream.compress(b"one\ntwo") + stream.flush())
    assert lines_of(tmp_path / "a.zst") == ["one", "two"]


def test_zstandard_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.zst", b"text")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert fails(path) == f'{path}: reading .zst needs the package zstandard; pip install "encodery[corpus]"'


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.txt", ".txt"),
        ("A.TXT.GZ", ".txt"),
        ("dir.d/a.jsonl.zst", ".jsonl"),
        ("a.tgz", ".tar"),
        ("a.tar.gz", ".tar"),
        ("a.gz", ""),
        ("README", ""),
    ],
)
def test_the_suffix_that_tells_the_format(name: str, suffix: str) -> None:
    assert inner_suffix(name) == suffix


def test_decompress_leaves_plain_streams_alone() -> None:
    assert decompress(io.BytesIO(b"abc"), "a.txt").read() == b"abc"
