"""Documents from every format and container, and what is said about files that hold none."""

import gzip
import io
import json
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus import readers
from encodery.corpus.readers import CorpusInput, Document, read_documents
from encodery.errors import UserError


def read(base: Path, path: str = ".", **options: Any) -> list[Document]:
    return list(read_documents([CorpusInput(path=path, **options)], base))


def texts(base: Path, path: str = ".", **options: Any) -> list[str]:
    return [document.text for document in read(base, path, **options)]


def fails(base: Path, path: str = ".", **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(base, path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{base}/")


def tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def compressed(suffix: str, data: bytes) -> bytes:
    if suffix == ".zst":
        return zstandard.compress(data)
    return gzip.compress(data) if suffix in (".gz", ".tgz") else data


def pack(path: Path, members: dict[str, bytes]) -> None:
    """An archive of the kind that the name of `path` says."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return
    path.write_bytes(compressed(path.suffix, tar(members)))


ARCHIVES = ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.zst"]


def test_blank_lines_separate_documents_of_plain_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf\n one\r\ntwo \r\n \t\r\n\r\nthree\n\nfour")
    source = f"{tmp_path}/a.txt"
    assert read(tmp_path, "a.txt") == [
        Document(" one\ntwo ", source, 2),
        Document("three", source, 6),
        Document("four", source, 8),
    ]


@given(st.lists(st.lists(st.text(st.sampled_from("ab é漢."), min_size=1, max_size=7), min_size=1), min_size=1))
def test_plain_text_round_trip(tmp_path_factory: pytest.TempPathFactory, documents: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("round") / "a.txt"
    kept = [[line for line in lines if line.strip()] for lines in documents]
    kept = [lines for lines in kept if lines] or [["x"]]
    path.write_text("\n\n".join("\n".join(lines) for lines in kept), encoding="utf-8")
    found = read(path.parent, "a.txt")
    assert [document.text for document in found] == ["\n".join(lines) for lines in kept]
    lines = path.read_text(encoding="utf-8").split("\n")
    assert all(document.text.startswith(lines[document.line - 1]) for document in found)


RECORDS = [{"text": "one, two"}, {"text": 'a\n"b"\nc'}, {"text": "é漢😀"}]


@pytest.mark.parametrize("compression", ["", ".gz", ".zst"])
@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"])
def test_each_record_is_a_document(tmp_path: Path, suffix: str, compression: str) -> None:
    quoted = [f'"{record["text"].replace(chr(34), chr(34) * 2)}"' for record in RECORDS]
    parquet = io.BytesIO()
    pq.write_table(pa.table({"n": [1, 2, 3], "text": [record["text"] for record in RECORDS]}), parquet)
    data = {
        ".csv": ("n,text\n" + "".join(f"{i},{text}\n" for i, text in enumerate(quoted))).encode(),
        ".tsv": ("n\ttext\n" + "".join(f"{i}\t{text}\n" for i, text in enumerate(quoted))).encode(),
        ".parquet": parquet.getvalue(),
    }.get(suffix, "".join(json.dumps(record) + "\n" for record in RECORDS).encode())
    (tmp_path / f"a{suffix}{compression}").write_bytes(compressed(compression, data))
    lines = [2, 3, 6] if suffix in (".csv", ".tsv") else [1, 2, 3]
    source = f"{tmp_path}/a{suffix}{compression}"
    want = [Document(record["text"], source, line) for record, line in zip(RECORDS, lines, strict=True)]
    assert read(tmp_path) == want


def test_empty_records_are_skipped_and_line_ends_are_one_kind(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": ""}\n{"text": " \\n"}\n{"text": "a\\r\\nb"}\n')
    assert read(tmp_path) == [Document("a\nb", f"{tmp_path}/a.jsonl", 3)]


def test_another_field_holds_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("headline,body\nhead,the body\n")
    assert texts(tmp_path, text_field="body") == ["the body"]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_field_within_tables_holds_the_text(tmp_path: Path, suffix: str) -> None:
    rows = [{"sides": {"en": "a dog", "de": {"at": "ein Hund"}}, "a.b": "whole"}]
    if suffix == "jsonl":
        (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    found = [texts(tmp_path, text_field=field) for field in ("sides.en", "sides.de.at", "a.b")]
    assert found == [["a dog"], ["ein Hund"], ["whole"]]
    for field in ("sides.fr", "sides.en.x"):
        with pytest.raises(UserError, match=f"1: no field '{field}'; it has: sides"):
            texts(tmp_path, text_field=field)


def test_a_format_that_the_name_does_not_tell(tmp_path: Path) -> None:
    (tmp_path / "c4.json.gz").write_bytes(gzip.compress(b'{"text": "crawled"}\n'))
    (tmp_path / "README").write_text("read me")
    assert texts(tmp_path, "c4.json.gz", format="jsonl") == ["crawled"]
    assert texts(tmp_path, "README", format="txt") == ["read me"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_of_an_archive_are_files(tmp_path: Path, name: str) -> None:
    parquet = io.BytesIO()
    pq.write_table(pa.table({"text": ["in parquet"]}), parquet)
    members = {
        "z/b.txt": b"one\n\ntwo",
        "photo.png": b"\x89PNG\x00",
        "../../etc/a.txt.gz": gzip.compress(b"escaping"),
        "/abs.jsonl": b'{"text": "absolute"}',
        "._b.txt": b"\x00\x05\x16\x07 a fork of resources",
        "d.parquet": parquet.getvalue(),
        "empty.txt": b"",
    }
    pack(tmp_path / name, members)
    found = read(tmp_path)
    assert [document.text for document in found] == ["one", "two", "escaping", "absolute", "in parquet"]
    assert found[1] == Document("two", f"{tmp_path}/{name}!z/b.txt", 3)
    assert found[2].source == f"{tmp_path}/{name}!../../etc/a.txt.gz"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [name]


def test_only_regular_members_are_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (
            ("folder.txt", tarfile.DIRTYPE),
            ("link.txt", tarfile.SYMTYPE),
            ("dev.txt", tarfile.CHRTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert "a.tar: there is no file in it; allowed: .txt" in fails(tmp_path)


@pytest.mark.parametrize("name", ARCHIVES)
def test_errors_inside_an_archive_name_the_member(tmp_path: Path, name: str) -> None:
    pack(tmp_path / name, {"ok.txt": b"fine", "d/bad.txt": b"one\n\xff"})
    hint = 'set encoding_errors = "replace" or convert the file to UTF-8'
    assert fails(tmp_path) == f"{name}!d/bad.txt:2: invalid UTF-8 at byte 4: ff; {hint}"
    assert texts(tmp_path, encoding_errors="replace") == ["fine", "one\n\ufffd"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_of_images(tmp_path: Path, name: str) -> None:
    pack(tmp_path / name, {f"{i}.png": b"\x89PNG" for i in range(3)})
    assert fails(tmp_path).startswith(f"{name}: no readable file in it, found 3 .png; allowed: .txt")


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.tar.zst", "a.tgz"])
def test_broken_archives(tmp_path: Path, name: str) -> None:
    pack(tmp_path / name, {"a.txt": "".join(f"line {i * i}\n" for i in range(30_011)).encode()})
    data = (tmp_path / name).read_bytes()
    for broken in (data[: len(data) // 2], data[:-30], b"no archive", data[:3]):
        (tmp_path / name).write_bytes(broken)
        assert ": broken archive (" in fails(tmp_path)


def test_damage_inside_a_zip(tmp_path: Path) -> None:
    pack(tmp_path / "a.zip", {"a.txt": "".join(f"line {i * i}\n" for i in range(30_011)).encode()})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[len(data) // 2] ^= 0x55
    (tmp_path / "a.zip").write_bytes(data)
    assert fails(tmp_path, encoding_errors="replace").startswith("a.zip!a.txt: broken archive (")


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    pack(tmp_path / "a.zip", {"a.txt": b"secret"})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert fails(tmp_path) == "a.zip!a.txt: it has a password or a rare compression; pack it again without"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"body": "b"}\n', "2: no field 'text'; it has: body; set text_field"),
        ("a.jsonl", b"{}\n", "1: no field 'text'; it has: nothing; set text_field"),
        ("a.csv", b"body,id\nb,3\n", "2: no field 'text'; it has: body, id; set text_field"),
        ("a.jsonl", b'{"text": 35}', "1: 'text' is int 35, not a string; repair the record"),
        ("a.jsonl", b'{"text": null}', "1: 'text' is null, not a string; repair the record"),
        ("a.jsonl", b'{"text": ["a"]}', "1: 'text' is list ['a'], not a string; repair the record"),
        ("a.jsonl", b"\nx\n", "2: not JSON (expecting value at column 1); write one JSON object per line"),
    ],
)
def test_records_that_are_wrong(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert fails(tmp_path) == f"{name}:{message}"


def test_parquet_without_the_text_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"body": ["a"], "id": [3]}), tmp_path / "a.parquet")
    assert fails(tmp_path) == "a.parquet:1: no field 'text'; it has: body, id; set text_field"


def test_an_image_named_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
    assert fails(tmp_path) == "a.txt:3: NUL byte at byte 8: binary data; Encodery reads text in UTF-8"


def test_an_empty_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n\n")
    (tmp_path / "b.jsonl").touch()
    inputs = [CorpusInput(path="a.txt"), CorpusInput(path="*.jsonl")]
    with pytest.raises(
        UserError, match=r"^the corpus is empty: no text in 2 file\(s\) \(a.txt, \*.jsonl\); add text$"
    ):
        list(read_documents(inputs, tmp_path))
    with pytest.raises(
        UserError, match=r"^the corpus is empty: no text in 0 file\(s\) \(no input is named\); add text$"
    ):
        list(read_documents([], tmp_path))


def test_a_missing_path_is_told_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UserError, match="absent: no such file or folder"):
        read_documents([CorpusInput(path="a.txt"), CorpusInput(path="absent")], tmp_path)


def test_inputs_keep_their_order_and_files_are_sorted(tmp_path: Path) -> None:
    for name in ("d/2.txt", "d/1.txt", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    inputs = [CorpusInput(path="d"), CorpusInput(path="a.txt")]
    assert [document.text for document in read_documents(inputs, tmp_path)] == ["d/1.txt", "d/2.txt", "a.txt"]


def test_one_document_without_end_goes_on_as_further_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MAX_DOCUMENT_CHARS", 10)
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\nfour five six\nseven\n")
    found = [(document.text, document.line) for document in read(tmp_path)]
    assert found == [("one\ntwo", 1), ("three", 3), ("four five six", 4), ("seven", 5)]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.gz", "a.tar.gz", "a.zip", "a.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    document = "words and more words. " * 97
    count = 4999
    plain = (document + "\n\n").encode() * count
    if name == "a.txt":
        (tmp_path / name).write_bytes(plain)
    elif name == "a.jsonl.gz":
        (tmp_path / name).write_bytes(
            gzip.compress(
                (json.dumps({"text": document}) + "\n").encode() * count,
                1,
            )
        )
    elif name == "a.parquet":
        pq.write_table(pa.table({"text": [document + str(i) for i in range(count)]}), tmp_path / name)
    else:
        pack(tmp_path / name, {"a.txt": plain})
    del plain
    tracemalloc.start()
    try:
        found = sum(1 for _ in read_documents([CorpusInput(path=name)], tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == count
    assert peak < 4 << 20, "of 11 million bytes of text"


def test_novels_in_a_compressed_archive(shared_data: Path) -> None:
    found = read(shared_data, "text/eltec/eng.tar.gz")
    assert len({document.source for document in found}) == 30
    assert sum(document.text.count("\n") + 1 for document in found) == 74_917
    assert sum(len(document.text.split()) for document in found) == 3_720_785


def test_speeches_of_which_six_are_not_in_utf8(shared_data: Path) -> None:
    member = "state_union.zip!state_union/1954-Eisenhower.txt:101"
    assert f"{member}: invalid UTF-8 at byte 27596: bd; set encoding_errors" in fails(shared_data, "text/state_union")
    found = read(shared_data, "text/state_union", encoding_errors="replace")
    assert len({document.source for document in found}) == 65
    assert len({document.source for document in found if "\ufffd" in document.text}) == 6


def test_articles_in_a_quoted_table(shared_data: Path) -> None:
    found = read(shared_data, "classification/masakhanews/eng/dev.tsv.gz")
    assert len(found) == 472
    assert found[0].text.startswith('Independent shops in a Shropshire village say they are "in limbo" as energy')
    assert found[0].line == 2


def test_an_encyclopedia_line_by_line(shared_data: Path) -> None:
    found = read(shared_data, "text/wikitext-2")
    tokens = sum(len(document.text.split()) + document.text.count("\n") + 1 for document in found)
    blank = 8118 - sum(document.text.count("\n") + 1 for document in found)
    assert tokens + blank == 217_646 + 245_569


def test_documents_carry_the_language_of_their_input_or_record(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "b.jsonl").write_text('{"text": "x", "lang": "ee"}\n{"text": "y", "lang": "sw"}\n')
    assert [document.language for document in read(tmp_path, "a.txt", language="en")] == ["en", "en"]
    assert [document.language for document in read(tmp_path, "b.jsonl", language="en")] == ["en", "en"]
    assert [document.language for document in read(tmp_path, "b.jsonl", language_field="lang")] == ["ee", "sw"]
    assert [document.language for document in read(tmp_path, "a.txt")] == ["", ""]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "one", ": plain text has no field 'lang'; set language instead"),
        ("a.jsonl", '{"text": "x"}', ":1: no field 'lang'; it has: text; set language_field"),
        ("a.jsonl", '{"text": "x", "lang": 7}', ":1: 'lang' is int 7, not a string; repair the record"),
    ],
)
def test_a_language_that_is_not_there(tmp_path: Path, name: str, content: str, expected: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError) as error:
        read(tmp_path, name, language_field="lang")
    assert str(error.value) == f"{tmp_path}/{name}{expected}"


def test_a_file_can_be_a_document(tmp_path: Path) -> None:
    """A paragraph that was wrapped is one line again; where words have no spaces between them, without one."""
    (tmp_path / "a.txt").write_text(
        "\n\nChapter I\n\n  It was\n the best\r\nof times.  \n\n\n它是最好的\n时代 and\nnew\n"
    )
    text = "Chapter I\nIt was the best of times.\n它是最好的时代 and new"
    assert read(tmp_path, documents="file") == [Document(text, f"{tmp_path}/a.txt", 3)]
    (tmp_path / "a.txt").write_text(" \n\n")
    assert "the corpus is empty" in fails(tmp_path, documents="file")
    assert "documents" not in CorpusInput(path="a").model_dump(), "older recipes stay fresh"


def test_a_file_of_any_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_DOCUMENT_CHARS", 23)
    (tmp_path / "a.txt").write_text("one two\nthree\n\nfour five six\n\nseven\n" + "wrapped\n" * 7)
    assert [(each.line, each.text) for each in read(tmp_path, documents="file")] == [
        (1, "one two three\nfour five six"),
        (6, "seven wrapped wrapped wrapped"),
        (10, "wrapped wrapped wrapped"),
        (13, "wrapped"),
    ]
