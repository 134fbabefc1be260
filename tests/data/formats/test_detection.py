"""What a file is by its name and beginning; what is unclear is asked back."""

import re
from pathlib import Path

import pytest

from encodery.data.formats import FORMATS, detect, read_labelled
from encodery.errors import UserError

from .conftest import Write, fails, records

CHOICES = f"set format to one of {', '.join(FORMATS)} (files also .gz or .zst)"


@pytest.mark.parametrize(
    ("name", "content", "file_format"),
    [
        ("a.jsonl", '{"text": "x", "label": "y"}\n', "jsonl"),
        ("a.json", '{"text": "x", "label": ["y"]}\n{"text": "x"}\n', "jsonl"),
        ("a.jsonl", '{"text": "x", "label": [3, 4, 5]}', "jsonl"),
        ("a.ndjson", '{"text": "x", "entities": [{"start": 0, "end": 1, "label": "A"}]}', "jsonl"),
        ("a.jsonl", '{"tokens": ["x"], "tags": ["O"]}', "jsonl"),
        ("a.jsonl", '{"data": "x"}', "jsonl"),
        ("a.json", '[{"text": "x"}]', "json"),
        ("a.json", '[\n{"text": "x"}\n]', "json"),
        ("a.csv", "text,label\n", "csv"),
        ("a.tsv", "text\tlabel\nB\tO\nx\ty\n", "tsv"),
        ("a.tsv", "x\tB-A\ny\tO\n\nz\tO\n", "conll"),
        ("a.txt", "pair\tsentence\tscore\n1\tA b c.\t3.6\n", "tsv"),
        ("a.txt", "the DT\ncat NN\n\na DT\n", "conll"),
        ("train", "1\tx\tB-A\n2\ty\tO\n", "conllu"),
        ("a.iob", "x O\n", "conll"),
        ("a.conll", "1 O\n2 O\n", "conll"),
    ],
)
def test_detection(write: Write, name: str, content: str, file_format: str) -> None:
    assert detect(write(name, content)) == file_format
    assert detect(write(f"{name}.gz", content)) == file_format


def test_the_first_lines_decide_even_with_a_fault(write: Write) -> None:
    rows = ["w O\n"] * 11
    rows[4] = "fault\n"
    assert fails(write("a.txt", "".join(rows))).startswith("a.txt:5: 1 column where the other lines have 2 ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "Just some text.\nNothing more.\n", f"neither a table with tabs nor words with tags; {CHOICES}"),
        ("a.doc", "x", f"'.doc' is not the suffix of a format that is known; {CHOICES}"),
        ("a.json", '{\n"one": 1, "two": 2}',
         f"one JSON object with the keys one, two, in no layout that is known; {CHOICES}"),
        ("a.pkl", b"\x80\x04", "a pickle may run any code and is never read; write jsonl"),
    ],
)  # fmt: skip
def test_unclear(write: Write, name: str, content: str | bytes, message: str) -> None:
    assert fails(write(name, content)) == f"{name}: {message}"


def test_a_folder_of_other_things(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=re.escape(f"{tmp_path}: a folder, but not one that Dataset.save_to_disk wrote")
    ):
        detect(tmp_path)


def test_broken_lines_are_told_as_lines(write: Write) -> None:
    path = write("a.jsonl", '{"text": "x"\n{"text": "y"}\n')
    assert fails(path) == "a.jsonl:1: not JSON (expecting ',' delimiter at column 13); write one JSON object per line"


def test_a_line_of_50_megabytes(write: Write) -> None:
    path = write("a.jsonl.gz", f'{{"text": "{"x" * (50 << 20)}"}}\n')
    assert [len(record["text"]) for record in records(path)] == [50 << 20]
    path = write("b.jsonl.gz", f'{{"text": "{"x" * (64 << 20)}"}}\n')
    assert fails(path) == "b.jsonl.gz:1: a line over 64 MiB; break it up"


def test_the_user_may_say_otherwise(write: Write) -> None:
    path = write("a.weird", "text\tlabel\nx\ty\n")
    assert records(path, "tsv") == [{"text": "x", "label": "y"}]
    path = write("a.jsonl", '{"text": "x y", "label": [[0, 1, "A"]]}')
    assert records(path, "jsonl") == [{"text": "x y", "label": [[0, 1, "A"]]}]


def test_a_format_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(f"format = 'xml'; allowed: {', '.join(FORMATS)}")):
        list(read_labelled(tmp_path / "a", "xml"))
