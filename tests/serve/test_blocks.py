"""A file in blocks: every record once, bounded, and the same blocks wherever a run begins again."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.serve import blocks
from encodery.serve.blocks import Block, InputChanged, Records, read_blocks
from tests.serve.conftest import write_records

RECORDS = [{"text": "x" * (number % 7), "number": number} for number in range(23)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_records(tmp_path / "in.jsonl", RECORDS)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORDS", 5)
    monkeypatch.setattr(blocks, "MAX_CHARACTERS", 131)


def read(file: Path, keep_broken: bool = False) -> list[Block]:
    return list(read_blocks(Records(file, keep_broken)))


def test_every_record_once_in_order(file: Path) -> None:
    found = read(file)
    assert [record for block in found for _, record in block.entries] == RECORDS
    assert [source for block in found for source, _ in block.entries] == [f"{file}:{n}" for n in range(1, 24)]
    ends = [block.num_records for block in found]
    assert ends == [sum(len(block.entries) for block in found[: n + 1]) for n in range(len(found))]
    assert max(len(block.entries) for block in found) <= 5


def test_a_block_ends_with_many_characters_too(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_number = [len(block.entries) for block in read(file)]
    monkeypatch.setattr(blocks, "MAX_CHARACTERS", 61)
    by_length = [len(block.entries) for block in read(file)]
    assert max(by_length) < max(by_number)
    sizes = [sum(len(json.dumps(record)) + 1 for _, record in block.entries) for block in read(file)]
    assert all(61 <= size < 61 + 40 for size in sizes[:-1])


def test_whoever_begins_behind_a_block_gets_the_same_ones(file: Path) -> None:
    found = read(file)
    for number, block in enumerate(found, start=1):
        rest = list(read_blocks(Records(file), block.num_records, block.digest))
        assert rest == found[number:]


@given(st.integers(0, 22), st.sampled_from(["changed", "removed", "inserted"]))
@settings(max_examples=30)
def test_a_change_among_the_records_that_are_done_is_found(
    tmp_path_factory: pytest.TempPathFactory, place: int, how: str
) -> None:
    folder = tmp_path_factory.mktemp("changes")
    before = read(write_records(folder / "in.jsonl", RECORDS))[2]
    changed = [dict(record) for record in RECORDS]
    if how == "changed":
        changed[place]["number"] = -1
    elif how == "removed":
        del changed[place]
    else:
        changed.insert(place, {"text": "new"})
    records = Records(write_records(folder / "in.jsonl", changed))
    if place < before.num_records:
        with pytest.raises(InputChanged):
            list(read_blocks(records, before.num_records, before.digest))
    else:
        assert len(list(read_blocks(records, before.num_records, before.digest))) >= 1


def test_a_file_that_became_shorter(file: Path) -> None:
    last = read(file)[-1]
    write_records(file, RECORDS[:-1])
    with pytest.raises(InputChanged):
        list(read_blocks(Records(file), last.num_records, last.digest))


def test_how_much_of_the_file_is_read(file: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl.gz").write_bytes(gzip.compress(file.read_bytes()))
    for path in (file, tmp_path / "in.jsonl.gz"):
        shares = [block.share for block in read(path)]
        assert shares == sorted(shares, key=lambda share: share or 0.0)
        assert shares[-1] == 1.0
    (tmp_path / "in.csv").write_text("text\na\nb\n")
    assert [block.share for block in read(tmp_path / "in.csv")] == [None]


def test_broken_lines_end_the_reading_or_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a"}\n{"text": \n[1]\n{"text": "\\ud800"}\n{"text": "b"}\n')
    with pytest.raises(UserError, match=r"in\.jsonl:2: not JSON \(expecting value at column 10\)"):
        read(path)
    kept = [record for block in read(path, keep_broken=True) for _, record in block.entries]
    assert [str(record) for record in kept] == [
        "{'text': 'a'}",
        f"{path}:2: not JSON (expecting value at column 10); write one JSON object per line",
        f"{path}:3: an array where an object is expected; write one JSON object per line",
        f"{path}:4: \\ud800 is half a character (surrogate); repair the record",
        "{'text': 'b'}",
    ]


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv"])
def test_a_file_without_records(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("\n" if name == "in.jsonl" else "text\n")
    with pytest.raises(UserError) as error:
        read(tmp_path / name)
    assert str(error.value) == f"{tmp_path / name}: the file holds no record; add examples"


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl: no such file"):
        read(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_bytes(b'{"text": "a"}\n{"text": "\xff"}\n')
    with pytest.raises(UserError, match=r"bad\.jsonl:2: invalid UTF-8 at byte 24: ff"):
        read(tmp_path / "bad.jsonl", keep_broken=True)
