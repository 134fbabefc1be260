"""Damaged shards are refused with the file and the record that is wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from encodery.data.shard_writer import write_shards
from encodery.data.shards import Shards
from encodery.errors import UserError
from tests.data.synthetic import VOCAB_SIZE, documents, in_format_2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shards of a small corpus."""
    write_shards(documents(11, 5), tmp_path, VOCAB_SIZE, max_tokens_per_shard=300)
    return tmp_path


def refused(folder: Path, message: str, verify: bool = False) -> None:
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        Shards.open(folder, verify)
    assert "\n" not in str(caught.value)


def rewrite(path: Path, record: int, value: int, dtype: str) -> None:
    records = np.fromfile(path, dtype)
    records[record] = value
    records.tofile(path)


def edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "shards.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_intact_folder_passes(folder: Path) -> None:
    assert Shards.open(folder, verify=True).num_documents == 11
    assert len(list(folder.glob("ids-*.bin"))) > 1


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "gone", f"{tmp_path / 'gone' / 'shards.json'}: cannot read: No such file or directory; name a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"dtype": ', "shards.json: not JSON: Expecting value"),
        ("[1, 2]", "shards.json: holds a list, must be a table"),
        ("{}", "shards.json: missing key 'dtype'"),
        ("\udcff", "shards.json: not JSON"),
    ],
)
def test_a_manifest_that_cannot_be_read(folder: Path, text: str, message: str) -> None:
    (folder / "shards.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    refused(folder, message)


def test_a_manifest_of_another_version(folder: Path) -> None:
    edit_manifest(folder, format_version=4)
    refused(folder, "shards.json: format_version = 4: input should be 1, 2 or 3")


@pytest.mark.parametrize("kind", ["ids", "sentences", "documents"])
def test_a_missing_file(folder: Path, kind: str) -> None:
    path = folder / f"{kind}-00001.bin"
    path.unlink()
    refused(folder, f"{path}: missing, though shards.json lists it; write the token shards again")


@pytest.mark.parametrize(("kind", "item_size"), [("ids", 2), ("sentences", 8), ("documents", 8)])
def test_a_truncated_file(folder: Path, kind: str, item_size: int) -> None:
    path = folder / f"{kind}-00001.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    records = len(content) // item_size
    refused(
        folder,
        f"{path}: ends in record {records - 1 - (item_size == 2)} ({len(content) - 3:,} bytes), "
        f"shards.json says {records:,} records",
    )


def test_a_file_that_is_too_long(folder: Path) -> None:
    path = folder / "ids-00000.bin"
    path.write_bytes(path.read_bytes() + b"\0\0")
    refused(folder, f"{path}: ends in record")


def test_ids_of_the_wrong_width(folder: Path) -> None:
    edit_manifest(folder, dtype="uint32")
    refused(folder, f"{folder / 'ids-00000.bin'}: ends in record")


def test_a_flipped_bit(folder: Path) -> None:
    path = folder / "ids-00001.bin"
    rewrite(path, 7, int(np.fromfile(path, "<u2")[7]) ^ 1, "<u2")
    Shards.open(folder)
    refused(folder, f"{path}: altered since it was written (sha256 differs from shards.json)", verify=True)


def test_an_id_outside_the_vocabulary(folder: Path) -> None:
    path = folder / "ids-00001.bin"
    rewrite(path, 7, VOCAB_SIZE, "<u2")
    refused(folder, f"{path}: record 7 is id {VOCAB_SIZE}, must be below vocab_size = {VOCAB_SIZE}", verify=True)


@pytest.mark.parametrize(
    ("kind", "record", "value", "message"),
    [
        ("sentences", 0, 1, "record 0 is token 1, must be 0"),
        ("sentences", 2, 0, "record 2 is token 0, must be above"),
        ("documents", 1, 0, "record 1 is sentence 0, must be above 0 (the record before)"),
        ("sentences", -1, 2**40, f"(the end) is token {2**40}, must be"),
        ("documents", -1, 2**40, f"(the end) is sentence {2**40}, must be"),
    ],
)
def test_offsets_that_cannot_be(folder: Path, kind: str, record: int, value: int, message: str) -> None:
    path = folder / f"{kind}-00000.bin"
    rewrite(path, record, value, "<u8")
    refused(folder, f"{path}: record", verify=True)
    refused(folder, message, verify=True)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(UserError, match=r"ids-00000.bin: cannot write token shards: No such file or directory; free"):
        write_shards(documents(3, 3), gone, VOCAB_SIZE)


def test_a_language_that_is_not_named(tmp_path: Path) -> None:
    write_shards(documents(3, 5), tmp_path, VOCAB_SIZE)
    path = in_format_2(tmp_path, ["en", "de", "en"])
    rewrite(path, 2, 2, "<u2")
    refused(tmp_path, f"{path}: record 2 is id 2, must be below the languages = 2; write", verify=True)


def test_languages_that_are_cut_off(tmp_path: Path) -> None:
    write_shards(documents(3, 5), tmp_path, VOCAB_SIZE)
    path = in_format_2(tmp_path, ["en", "de", "en"])
    path.write_bytes(path.read_bytes()[:-2])
    refused(tmp_path, f"{path}: ends in record 2 (4 bytes), shards.json says 3 records (6 bytes); write")


@pytest.mark.parametrize("counts", [[2, 2], [3], [1, 1, 1]])
def test_languages_that_are_counted_wrongly(tmp_path: Path, counts: list[int]) -> None:
    write_shards(documents(3, 5), tmp_path, VOCAB_SIZE, languages=["en", "de", "en"])
    table = json.loads((tmp_path / "shards.json").read_text())
    assert table["language_documents"] == [1, 2]
    (tmp_path / "shards.json").write_text(json.dumps(table | {"language_documents": counts}))
    refused(tmp_path, "language_documents must have a count for each of languages, 3 documents in all; write")
