"""A model inside Ray Data: the columns it adds, and that many batches through Ray are what one process predicts."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from encodery.errors import UserError
from encodery.serve.on_ray import Embed, Predict
from encodery.serve.predictor import load
from tests.serve.conftest import sentence, write_records

ROWS: list[dict[str, Any]] = [{"id": number, "text": sentence(number), "text_pair": None} for number in range(17)]


def test_a_column_of_predictions(model_folder: Path) -> None:
    table = Predict(model_folder)(pyarrow.Table.from_pylist(ROWS))
    assert table.column_names == ["id", "text", "text_pair", "prediction"]
    assert table.select(["id", "text", "text_pair"]).to_pylist() == ROWS
    found = [json.loads(text) for text in table["prediction"].to_pylist()]
    assert found == load(model_folder).predict([row["text"] for row in ROWS])


def test_the_column_may_have_another_name_and_take_the_place_of_one(model_folder: Path) -> None:
    table = Predict(model_folder, column="id")(pyarrow.Table.from_pylist(ROWS))
    assert table.column_names == ["id", "text", "text_pair"]
    assert json.loads(table["id"][3].as_py()).keys() == {"label", "score", "scores"}


def test_a_column_of_vectors(model_folder: Path) -> None:
    table = Embed(model_folder)(pyarrow.Table.from_pylist(ROWS))
    expected = load(model_folder).embed([row["text"] for row in ROWS])
    assert table.schema.field("embedding").type == pyarrow.list_(pyarrow.float32(), expected.shape[1])
    assert np.array_equal(np.array(table["embedding"].to_pylist(), np.float32), expected)


def test_no_rows(model_folder: Path) -> None:
    empty = pyarrow.Table.from_pylist(ROWS).slice(0, 0)
    assert Predict(model_folder)(empty).num_rows == 0
    assert Embed(model_folder)(empty).num_rows == 0


def test_rows_that_are_no_records(model_folder: Path) -> None:
    rows = [{"text": "a"}, {"text": None}]
    with pytest.raises(UserError) as error:
        Predict(model_folder)(pyarrow.Table.from_pylist(rows))
    assert str(error.value) == "row 2 of a batch: text = None; a string is needed"
    table = Predict(model_folder, skip=True)(pyarrow.Table.from_pylist(rows))
    assert json.loads(table["prediction"][1].as_py()) == {"error": str(error.value)}


def test_no_column_of_the_task(model_folder: Path) -> None:
    with pytest.raises(UserError) as error:
        Predict(model_folder)(pyarrow.Table.from_pylist([{"txt": "a"}]))
    assert str(error.value) == (
        "no column is one of text, text_pair, label, language; the columns are: txt; "
        "rename yours (Dataset.rename_columns)"
    )


PROGRAM = """
import sys
import ray
from encodery.serve.on_ray import Predict

model, data, to = sys.argv[1:]
ray.init(num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
(
    ray.data.read_json(data, lines=True)
    .map_batches(
        Predict, fn_constructor_kwargs={"model": model}, batch_format="pyarrow", batch_size=5, concurrency=1
    )
    .write_json(to)
)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None or find_spec("ray.data") is None, reason="Ray Data is not installed")
def test_through_ray(model_folder: Path, tmp_path: Path) -> None:
    data = write_records(tmp_path / "in.jsonl", ROWS)
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, *map(str, (tmp_path / "program.py", model_folder, data, tmp_path / "out"))]
    subprocess.run(command, check=True, timeout=200)
    lines = [line for path in (tmp_path / "out").iterdir() for line in path.read_text().splitlines()]
    rows = sorted(map(json.loads, lines), key=lambda row: int(row["id"]))
    expected = load(model_folder).predict([row["text"] for row in ROWS])
    assert [row["id"] for row in rows] == list(range(17))
    for row, prediction in zip(rows, expected, strict=True):
        found = json.loads(row["prediction"])
        assert found["label"] == prediction["label"]
        assert found["score"] == pytest.approx(prediction["score"], abs=1e-6)
