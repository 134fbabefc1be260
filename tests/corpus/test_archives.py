"""The members of archives: known by their first bytes, and what is damaged among them."""

import bz2
import gzip
import json
import random
import zipfile
from pathlib import Path

import pytest

from encodery.corpus.archives import opened_files
from encodery.corpus.inputs import CorpusInput
from encodery.corpus.readers import read_documents
from encodery.errors import DamageError
from tests.corpus.reading.crawl import pack, page, pages_of, record

TEXT = "A sentence that is long enough to be the content of a page, as it seems. " * 4


def test_a_crawl_file_under_the_name_of_a_text_is_known_behind_a_large_block(tmp_path: Path) -> None:
    """Nothing of bzip2 can be read before its first block is there."""
    noise = random.Random(7).randbytes(100_003).hex().encode()
    data = bz2.compress(record(b"Title\n\n" + noise, "conversion", "http://e.x/6"))
    assert len(data) > 1 << 16
    (tmp_path / "a.warc.txt.bz2").write_bytes(data)
    pack(tmp_path / "b.zip", {"a.warc.txt.bz2": data})
    for name in ("a.warc.txt.bz2", "b.zip"):
        assert [page.url for page in pages_of(tmp_path / name)[0]] == ["http://e.x/6"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("size", [7, 10_007, 100_003])
def test_json_lines_in_archives_are_known_however_long_the_first_is(tmp_path: Path, name: str, size: int) -> None:
    lines = [json.dumps({"text": text}) for text in ("x" * size, "two")]
    pack(tmp_path / name, {"a.json": "\n".join(lines).encode(), "b.json": json.dumps({"a": "x" * size}).encode()})
    found, ledger = pages_of(tmp_path / name)
    assert [page.text for page in found] == ["x" * size, "two"]
    assert ledger.counts["not read/.json", "files"] == 1


BROKEN = {
    "a.txt": b"damaged text",
    "a.txt.gz": gzip.compress(b"damaged text", mtime=0),
    "a.jsonl": b'{"text": "damaged"}\n',
    "a.json": b'{"text": "damaged"}\n{"text": "two"}\n',
    "a.xml": b"<mediawiki>damaged",
    "a.html": page(f"damaged {TEXT}"),
}


def damage(path: Path, data: bytes) -> None:
    """Change the content of a member, so that its checksum is no longer right."""
    content = bytearray(path.read_bytes())
    content[content.index(data) + len(data) - 1] ^= 0x01
    path.write_bytes(content)


@pytest.mark.parametrize("name", BROKEN)
def test_a_damaged_member_of_a_zip_costs_itself(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.zip"
    pack(path, {name: BROKEN[name], "b.txt": b"whole", "c.jsonl": b'{"text": "too"}\n'})
    damage(path, BROKEN[name])
    found, ledger = pages_of(path)
    assert [page.text for page in found] == ["whole", "too"]
    ((place, reason),) = ledger.damage
    assert place == f"{path}!{name}"
    assert reason.startswith("broken archive (Bad CRC-32 for file")
    with pytest.raises(DamageError, match=r"a\.zip!a\..*: broken archive \(Bad CRC-32"):
        list(read_documents([CorpusInput(path="a.zip")], tmp_path))


def test_a_member_of_a_zip_without_its_header_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    pack(path, {"a.txt": b"damaged", "b.txt": b"whole"})
    path.write_bytes(b"XX" + path.read_bytes()[2:])
    found, ledger = pages_of(path)
    assert [page.text for page in found] == ["whole"]
    assert ledger.damage == [
        (f"{path}!a.txt", "broken archive (Bad magic number for file header); fetch or pack it again")
    ]


def test_a_zip_with_nothing_but_damage_is_no_archive_of_unknown_formats(tmp_path: Path) -> None:
    pack(tmp_path / "a.zip", {"a.txt": BROKEN["a.txt"]})
    damage(tmp_path / "a.zip", BROKEN["a.txt"])
    found, ledger = pages_of(tmp_path / "a.zip")
    assert found == []
    assert [place for place, _ in ledger.damage] == [f"{tmp_path}/a.zip!a.txt"]


@pytest.mark.parametrize(("name", "size"), [("a.tar", (1 << 18) + 101), ("a.tar.gz", 150_001)])
def test_of_a_cut_tar_what_lies_before_is_read(tmp_path: Path, name: str, size: int) -> None:
    """It is cut where the content of the second member begins to be read: behind 256 KiB."""
    noise = random.Random(7).randbytes(1 << 18).hex()
    whole, cut = noise[: (1 << 18) - 2 * 512], noise[1 << 18 :]
    path = tmp_path / name
    pack(path, {"a.txt": whole.encode(), "b.txt": cut.encode()})
    assert path.stat().st_size > size
    path.write_bytes(path.read_bytes()[:size])
    found, ledger = pages_of(path)
    assert [page.text for page in found] == [whole]
    assert [place for place, _ in ledger.damage] == [str(path), f"{path}!b.txt"]
    assert all(reason.startswith("broken archive (") for _, reason in ledger.damage)
    with pytest.raises(DamageError, match=r"a\.tar.*!b\.txt: broken archive"):
        list(read_documents([CorpusInput(path=name)], tmp_path))


def test_only_what_its_name_does_not_tell_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    class Watched(zipfile.ZipExtFile):
        def read(self, n: int | None = -1) -> bytes:
            looked.append(self.name)
            return super().read(n)

    monkeypatch.setattr(zipfile, "ZipExtFile", Watched)
    names = ["a.jsonl", "b.csv", "c.html", "d.warc", "e.txt", "f.json", "g.xml"]
    pack(tmp_path / "a.zip", dict.fromkeys(names, b"x"))
    for entry, expected in (
        (CorpusInput(path="a.zip"), {"e.txt", "f.json", "g.xml"}),
        (CorpusInput(path="a.zip", format="warc"), {"e.txt", "f.json", "g.xml"}),
        (CorpusInput(path="a.zip", format="txt"), {"f.json", "g.xml"}),
    ):
        looked.clear()
        assert len(list(opened_files(tmp_path / "a.zip", entry))) > 0
        assert set(looked) == expected
