"""JSON lines in, JSON lines out, in order."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from encodery.errors import UserError
from encodery.serve import blocks, lines
from encodery.serve.lines import predict_lines, predict_records
from encodery.serve.predictor import load
from tests.serve.conftest import LABELS, sentence, write_records

TEXTS = [sentence(number) for number in range(11)]


def test_one_text(model_folder: Path) -> None:
    (line,) = predict_lines(model_folder, "the river", None)
    assert json.loads(line) == load(model_folder).predict(["the river"])[0]
    assert "größer" in line
    assert "\n" not in line


@pytest.mark.parametrize("at_once", [1, 3, 11, 1024])
def test_a_file_of_records(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORDS", at_once)
    monkeypatch.setattr(lines, "RECORDS_AT_ONCE", at_once)
    file = write_records(tmp_path / "in.jsonl", [{"text": text, "label": "unseen"} for text in TEXTS])
    expected = load(model_folder).predict(TEXTS)
    found: list[Any] = [json.loads(line) for line in predict_lines(model_folder, None, file)]
    shown = [*predict_records(model_folder, None, file)]
    assert [record for record, _ in shown] == [{"text": text, "label": "unseen"} for text in TEXTS]
    for predictions in (found, [prediction for _, prediction in shown]):
        assert [prediction["label"] for prediction in predictions] == [prediction["label"] for prediction in expected]
        assert [prediction["score"] for prediction in predictions] == pytest.approx(
            [prediction["score"] for prediction in expected]
        )


def test_a_table_of_records(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,text_pair\nthe river,a city\nhappy,not\n")
    found = [json.loads(line) for line in predict_lines(model_folder, None, tmp_path / "in.csv")]
    expected = load(model_folder).predict(
        [{"text": "the river", "text_pair": "a city"}, {"text": "happy", "text_pair": "not"}]
    )
    assert [prediction["score"] for prediction in found] == pytest.approx(
        [prediction["score"] for prediction in expected]
    )


def test_standard_input(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = b'{"text": "the river"}\n\n{"text": "a city"}\n'
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(given))))
    found = [json.loads(line) for line in predict_lines(model_folder, None, Path("-"))]
    assert [prediction["label"] for prediction in found] == [
        prediction["label"] for prediction in load(model_folder).predict(["the river", "a city"])
    ]


def test_predictions_begin_before_the_file_is_read_to_its_end(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORDS", 2)
    file = write_records(
        tmp_path / "in.jsonl", [{"text": "the river"}, {"text": "happy"}, {"text": "dull"}, {"txt": "city"}]
    )
    found = predict_lines(model_folder, None, file)
    assert [json.loads(next(found))["label"] in LABELS for _ in range(2)] == [True, True]
    with pytest.raises(UserError) as error:
        next(found)
    assert str(error.value) == f"{file}:4: unknown key 'txt'; allowed: text, text_pair, label, language"


@pytest.mark.parametrize("both", [True, False])
def test_either_a_text_or_a_file(model_folder: Path, tmp_path: Path, both: bool) -> None:
    file = write_records(tmp_path / "in.jsonl", [{"text": "happy"}])
    with pytest.raises(UserError, match=r"^predict needs either a text or --file records\.jsonl$"):
        next(predict_lines(model_folder, "happy" if both else None, file if both else None))


def test_an_empty_text_is_given_all_the_same(model_folder: Path) -> None:
    assert len(list(predict_lines(model_folder, "", None))) == 1


def test_a_file_that_is_not_there(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl: "):
        next(predict_lines(model_folder, None, tmp_path / "none.jsonl"))
