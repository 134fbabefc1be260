"""Folders of `Dataset.save_to_disk` and names of classes in Arrow and Parquet; pyarrow alone makes them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encodery.data.formats import detect
from encodery.data.formats.features import converters

from .conftest import fails, records

LABEL = {"names": ["neg", "pos"], "_type": "ClassLabel"}
TAGS = {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"}
FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": LABEL,
    "tags": {"feature": TAGS, "_type": "Sequence"},
}
ROWS = {"text": ["a", "b", "c"], "label": [1, 0, -1], "tags": [[0, 1], [2], []]}
NAMED = [
    {"text": "a", "label": "pos", "tags": ["O", "B-PER"]},
    {"text": "b", "label": "neg", "tags": ["I-PER"]},
    {"text": "c", "label": None, "tags": []},
]


def save(folder: Path, rows: Any = ROWS, features: Any = FEATURES, files: int = 1, file: bool = False) -> Path:
    """What `save_to_disk` writes: Arrow streams, each with a part of the rows."""
    folder.mkdir(parents=True)
    table = pa.table(rows)
    size = -(-len(table) // files)
    names = [f"data-{at:05}-of-{files:05}.arrow" for at in range(files)]
    for at, name in enumerate(names):
        new = pa.ipc.new_file if file else pa.ipc.new_stream
        with pa.OSFile(str(folder / name), "wb") as sink, new(sink, table.schema) as writer:
            writer.write_table(table.slice(at * size, size))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    return folder


@pytest.mark.parametrize("files", [1, 2, 3])
@pytest.mark.parametrize("file", [False, True])
def test_a_folder(tmp_path: Path, files: int, file: bool) -> None:
    folder = save(tmp_path / "data", files=files, file=file)
    assert detect(folder) == "hf-dataset"
    assert records(folder) == NAMED


def test_splits_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    save(folder / "train")
    (folder / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert fails(folder) == "all: a folder of several splits: train, test; give one of them: all/train"
    assert records(folder / "train") == NAMED


def test_parquet_with_features(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    metadata = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    pq.write_table(pa.table(ROWS).replace_schema_metadata(metadata), path)
    assert records(path) == NAMED
    pq.write_table(pa.table(ROWS), path)
    assert [record["label"] for record in records(path)] == [1, 0, -1]
    pq.write_table(pa.table(ROWS).replace_schema_metadata({"huggingface": "{"}), path)
    assert fails(path) == "a.parquet: the metadata of Hugging Face's datasets is not JSON; write the file again"


@pytest.mark.parametrize(
    ("feature", "value", "named"),
    [
        ([TAGS], [1, 0], ["B-PER", "O"]),
        ({"feature": TAGS, "_type": "List"}, None, None),
        ({"feature": {"a": TAGS, "b": {"dtype": "int32"}}, "_type": "Sequence"}, {"a": [1], "b": [1]},
         {"a": ["B-PER"], "b": [1]}),
        ({"feature": {"a": TAGS}, "_type": "List"}, [{"a": 1}, {"a": -1}], [{"a": "B-PER"}, {"a": None}]),
        ({"a": TAGS}, {"a": 2}, {"a": "I-PER"}),
    ],
)  # fmt: skip
def test_classes_nested(feature: Any, value: Any, named: Any) -> None:
    assert converters({"column": feature})["column"]("f:1: column", value) == named


def test_columns_without_classes_are_left_alone() -> None:
    assert converters({"text": {"dtype": "string", "_type": "Value"}, "x": {"feature": {"dtype": "int8"}}}) == {}
    assert converters(None) == {}


def test_a_class_without_a_name(tmp_path: Path) -> None:
    folder = save(tmp_path / "data", {"label": [0, 2]}, {"label": LABEL})
    assert fails(folder) == (
        "data/data-00000-of-00001.arrow:2: label = 2, but the file names 2 classes; write the data set again"
    )


def test_answers_of_questions(tmp_path: Path) -> None:
    rows = {
        "question": ["q"] * 2,
        "context": ["c"] * 2,
        "answers": [{"text": ["c"], "answer_start": [0]}, {"text": None, "answer_start": None}],
    }
    assert [record["answers"] for record in records(save(tmp_path / "data", rows, {}))] == [
        {"text": ["c"], "answer_start": [0]},
        {"text": [], "answer_start": []},
    ]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("{", "data/state.json: not JSON; save the data set again"),
        ("[]", "data/state.json: no JSON object; save the data set again"),
        ('{"_data_files": [{"filename": "../a.arrow"}]}',
         "data/state.json: no file '../a.arrow' in this folder; copy the whole folder"),
        ('{"_data_files": [{"filename": "b.arrow"}]}',
         "data/state.json: no file 'b.arrow' in this folder; copy the whole folder"),
        ('{"_data_files": []}', "data: the file holds no record; add examples"),
        ('{"_indices_data_files": [{"filename": "i.arrow"}]}',
         "data: a selection of rows that was saved without being applied; call flatten_indices() and save it again"),
    ],
)  # fmt: skip
def test_broken_folders(tmp_path: Path, state: str, message: str) -> None:
    folder = save(tmp_path / "data")
    (folder / "state.json").write_text(state)
    assert fails(folder) == message


def test_a_broken_arrow_file(tmp_path: Path) -> None:
    folder = save(tmp_path / "data")
    path = folder / "data-00000-of-00001.arrow"
    content = path.read_bytes()
    for part in (b"", content[:100], b"no arrow at all, not at all"):
        path.write_bytes(part)
        assert fails(folder).startswith("data/data-00000-of-00001.arrow: ")
