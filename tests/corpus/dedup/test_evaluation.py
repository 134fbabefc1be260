"""Texts of evaluation files in all formats, and what is said about files that do not fit."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encodery.corpus.dedup import evaluation
from encodery.corpus.dedup.evaluation import EvaluationFile
from encodery.errors import UserError

SQUAD = {
    "version": "1.1",
    "data": [
        {"title": "T", "paragraphs": [{"context": "C one.", "qas": [{"id": "q1", "question": "Q?", "answers": []}]}]}
    ],
}


def read(base: Path, path: str, **values: Any) -> list[str]:
    return list(EvaluationFile.parse({"path": path, **values}, "test").texts(base))


def fails(base: Path, path: str, **values: Any) -> str:
    with pytest.raises(UserError) as error:
        read(base, path, **values)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{base}/", "")


def test_json_with_all_strings_or_those_of_fields(tmp_path: Path) -> None:
    (tmp_path / "squad.json").write_text(json.dumps(SQUAD))
    assert read(tmp_path, "squad.json") == ["1.1", "T", "C one.", "q1", "Q?"]
    assert read(tmp_path, "squad.json", fields=["question", "context"]) == ["C one.", "Q?"]
    assert read(tmp_path, "squad.json", fields=["paragraphs"]) == ["C one.", "q1", "Q?"]


def test_json_that_is_json_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": "x"}\n\n{"a": ["y", {"b": "z"}], "n": 1}\n')
    assert read(tmp_path, "a.json") == ["x", "y", "z"]


def test_records(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"t": "x", "label": "l"}\n'))
    (tmp_path / "a.csv").write_text("t,label\nx,l\n")
    (tmp_path / "a.tsv").write_text("t\tlabel\nx\tl\n")
    pq.write_table(pa.table({"t": ["x"], "label": ["l"]}), tmp_path / "a.parquet")
    for name in ("a.jsonl.gz", "a.csv", "a.tsv", "a.parquet"):
        assert read(tmp_path, name, fields=["t"]) == ["x"]
        assert read(tmp_path, name) == ["x", "l"]


def test_lines_and_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One.\n\nTwo B-X\n")
    (tmp_path / "a.conll").write_text("1 Anna B-PER\n2 runs O\n\n\n1 No O\n")
    assert read(tmp_path, "a.txt") == ["One.", "", "Two B-X"]
    assert read(tmp_path, "a.conll", column=1) == ["Anna runs", "No"]
    assert read(tmp_path, "a.txt", format="conll") == ["One.", "Two"]


def test_names(tmp_path: Path) -> None:
    assert EvaluationFile(path="sets/dev-v1.1.json.gz").label == "dev-v1.1"
    assert EvaluationFile(path="a.txt", name="SICK").label == "SICK"
    with pytest.raises(UserError, match="name = 'a/b'"):
        EvaluationFile.parse({"path": "a.txt", "name": "a/b"}, "recipe.toml")


def test_files_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.conll").write_text("A O\n\nB\n")
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "b.json").write_text('{"a": 1}\n{"a": ')
    (tmp_path / "a.doc").write_text("x")
    assert fails(tmp_path, "none.txt") == "none.txt: no such file"
    assert fails(tmp_path, "a.conll", column=1) == (
        "a.conll:3: 1 columns, so there is no column 1; set column to that of the token (counted from 0)"
    )
    assert fails(tmp_path, "a.json", fields=["q", "c"]) == (
        "a.json: no text in a field q, c; set fields to names that the file has"
    )
    assert fails(tmp_path, "b.json").startswith("b.json:2: not JSON (expecting value at column 7)")
    assert fails(tmp_path, "a.doc") == (
        "a.doc: its suffix does not tell the format; set format to one of txt, json, jsonl, csv, tsv, parquet, "
        "conll, labelled"
    )
    monkeypatch.setattr(evaluation, "_MAX_JSON_BYTES", 5)
    assert fails(tmp_path, "a.json") == "a.json: JSON of more than 0 MiB; write one record a line (.jsonl)"


def test_deep_nesting_is_no_recursion(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    assert list(evaluation._strings(deep, frozenset(), True)) == ["x"]


def test_real_files(shared_data: Path) -> None:
    squad = read(shared_data, "qa/squad-v1.1/dev-v1.1.json.gz", fields=["question"])
    assert len(squad) == 10570
    assert len(read(shared_data, "nli/ocnli/dev.json.gz", fields=["sentence1"])) == 3000
    assert len(read(shared_data, "ner/masakhaner2/hau/test.txt.gz", format="conll")) == 1633
