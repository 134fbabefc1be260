"""Blocks of records to lines: what `predict` says, in order, whatever is wrong with some of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from encodery.errors import UserError
from encodery.serve import blocks
from encodery.serve.blocks import Records, read_blocks
from encodery.serve.bulk import Predicted, predict_blocks
from encodery.serve.predictor import Predictor, load
from tests.serve.conftest import sentence, write_records

RECORDS: list[dict[str, Any]] = [{"text": sentence(number)} for number in range(29)]


@pytest.fixture
def predictor(model_folder: Path) -> Predictor:
    return load(model_folder)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_RECORDS", 7)


def run(predictor: Predictor, file: Path, skip: bool = False) -> Iterator[Predicted]:
    return predict_blocks(predictor, read_blocks(Records(file, skip)), skip)


def test_the_same_predictions_in_order(predictor: Predictor, tmp_path: Path) -> None:
    found = list(run(predictor, write_records(tmp_path / "in.jsonl", RECORDS)))
    assert [len(predicted.lines) for predicted in found] == [7, 7, 7, 7, 1]
    assert [predicted.block.num_records for predicted in found] == [7, 14, 21, 28, 29]
    lines = [json.loads(line) for predicted in found for line in predicted.lines]
    expected = [p for at in range(0, 29, 7) for p in predictor.predict(RECORDS[at : at + 7])]
    assert lines == expected
    encoded = [predictor.prepare(record, "here").num_tokens for record in RECORDS]
    assert sum(predicted.num_tokens for predicted in found) == sum(encoded)


def test_every_batch_is_told(predictor: Predictor, tmp_path: Path) -> None:
    predictor.max_tokens = 61
    told: list[int] = []
    stream = read_blocks(Records(write_records(tmp_path / "in.jsonl", RECORDS)))
    found = list(predict_blocks(predictor, stream, tick=told.append))
    assert sum(told) == sum(predicted.num_tokens for predicted in found)
    assert len(told) > len(found)


BAD: dict[int, dict[str, Any]] = {3: {"txt": "a"}, 8: {"text": 5}, 9: {}, 28: {"text": "b", "language": 7}}


def test_bad_records_are_skipped(predictor: Predictor, tmp_path: Path) -> None:
    records = [BAD.get(number, record) for number, record in enumerate(RECORDS)]
    file = write_records(tmp_path / "in.jsonl", records)
    found = list(run(predictor, file, skip=True))
    lines = [json.loads(line) for predicted in found for line in predicted.lines]
    errors = {number: line["error"] for number, line in enumerate(lines) if "error" in line}
    assert list(errors) == list(BAD)
    assert errors[3] == f"{file}:4: unknown key 'txt'; allowed: text, text_pair, label, language"
    assert errors[8] == f"{file}:9: text = 5; a string is needed"
    assert errors[28].startswith(f"{file}:29: language = 7; a string")
    assert [error for predicted in found for error in predicted.errors] == [*errors.values()]
    good = [line for number, line in enumerate(lines) if number not in BAD]
    alone = [p["label"] for p in predictor.predict([r for n, r in enumerate(records) if n not in BAD])]
    assert [line["label"] for line in good] == alone


def test_a_block_of_bad_records_alone(predictor: Predictor, tmp_path: Path) -> None:
    file = write_records(tmp_path / "in.jsonl", [{"txt": "a"}] * 9)
    assert [len(predicted.errors) for predicted in run(predictor, file, skip=True)] == [7, 2]


def test_a_bad_record_ends_it_behind_the_blocks_before(predictor: Predictor, tmp_path: Path) -> None:
    records = [BAD.get(number, record) if number == 8 else record for number, record in enumerate(RECORDS)]
    found = run(predictor, write_records(tmp_path / "in.jsonl", records))
    assert len(next(found).lines) == 7
    with pytest.raises(UserError, match=r"in\.jsonl:9: text = 5; a string is needed"):
        next(found)


def test_numbers_that_are_not_finite(predictor: Predictor, tmp_path: Path) -> None:
    file = write_records(tmp_path / "in.jsonl", RECORDS[:3])
    with torch.no_grad():
        predictor.folder.model.get_parameter("encoder.embeddings.norm.bias").fill_(torch.nan)
    with pytest.raises(UserError) as error:
        next(run(predictor, file))
    said = f"{file}:1: the model gave numbers that are not finite; check the model's weights"
    assert str(error.value) == said
    (predicted,) = run(predictor, file, skip=True)
    assert json.loads(predicted.lines[0]) == {"error": said}
    assert len(predicted.errors) == 3
