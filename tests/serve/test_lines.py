"""JSON lines in, JSON lines out, in order; scores of a labelled file."""

import json
from pathlib import Path
from typing import Any

import pytest

from encodery.errors import UserError
from encodery.families.folder import load_folder, save_folder
from encodery.serve import lines
from encodery.serve.lines import evaluate_file, predict_lines
from encodery.serve.predictor import load
from tests.serve.conftest import LABELS, sentence

TEXTS = [sentence(number) for number in range(11)]


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def test_one_text(model_folder: Path) -> None:
    (line,) = predict_lines(model_folder, "the river", None)
    assert json.loads(line) == load(model_folder).predict(["the river"])[0]
    assert "größer" in line
    assert "\n" not in line


@pytest.mark.parametrize("at_once", [1, 3, 11, 1024])
def test_a_file_of_records(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(lines, "RECORDS_AT_ONCE", at_once)
    file = write(tmp_path / "in.jsonl", [{"text": text, "label": "unseen"} for text in TEXTS])
    found = [json.loads(line) for line in predict_lines(model_folder, None, file)]
    expected = load(model_folder).predict(TEXTS)
    assert [prediction["label"] for prediction in found] == [prediction["label"] for prediction in expected]
    assert [prediction["score"] for prediction in found] == pytest.approx(
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


def test_predictions_begin_before_the_file_is_read_to_its_end(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "RECORDS_AT_ONCE", 2)
    file = write(tmp_path / "in.jsonl", [{"text": "the river"}, {"text": "happy"}, {"text": "dull"}, {"txt": "city"}])
    found = predict_lines(model_folder, None, file)
    assert [json.loads(next(found))["label"] in LABELS for _ in range(2)] == [True, True]
    with pytest.raises(UserError) as error:
        next(found)
    assert str(error.value) == f"{file}:4: unknown key 'txt'; allowed: text, text_pair, label, language"


@pytest.mark.parametrize("both", [True, False])
def test_either_a_text_or_a_file(model_folder: Path, tmp_path: Path, both: bool) -> None:
    file = write(tmp_path / "in.jsonl", [{"text": "happy"}])
    with pytest.raises(UserError, match=r"^predict needs either a text or --file records\.jsonl$"):
        next(predict_lines(model_folder, "happy" if both else None, file if both else None))


def test_an_empty_text_is_given_all_the_same(model_folder: Path) -> None:
    assert len(list(predict_lines(model_folder, "", None))) == 1


def test_a_file_that_is_not_there(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.jsonl: "):
        next(predict_lines(model_folder, None, tmp_path / "none.jsonl"))


def test_scores_of_a_labelled_file(model_folder: Path, tmp_path: Path) -> None:
    predicted = [prediction["label"] for prediction in load(model_folder).predict(TEXTS)]
    other = {"schlecht": "größer", "größer": "schlecht"}
    labels = [other[label] if place in (2, 5, 7) else label for place, label in enumerate(predicted)]
    file = write(
        tmp_path / "dev.jsonl", [{"text": t, "label": label} for t, label in zip(TEXTS, labels, strict=True)]
    )
    scores = json.loads(evaluate_file(model_folder, file, []))
    assert scores["examples"] == 11
    assert scores["accuracy"] == pytest.approx(8 / 11)
    assert set(scores) == {"examples", "accuracy", "macro_f1", "matthews", "per_label", "confusion"}
    assert sum(figures["support"] for figures in scores["per_label"].values()) == 11


def test_columns_under_other_names(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("sentence\tclass\nthe river\tschlecht\nhappy\tgrößer\n", encoding="utf-8")
    scores = json.loads(evaluate_file(model_folder, tmp_path / "dev.tsv", ["text=sentence", "label=class"]))
    assert scores["examples"] == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["text"], "--field text: write it as OURS=THEIRS, for example --field text=sentence"),
        (["text=text", "label"], "--field label: write it as OURS=THEIRS, for example --field text=sentence"),
        (["txt=sentence"], "--field: unknown key 'txt'; did you mean 'text'?"),
    ],
)
def test_a_field_that_cannot_be(model_folder: Path, tmp_path: Path, fields: list[str], expected: str) -> None:
    file = write(tmp_path / "dev.jsonl", [{"text": "happy", "label": "größer"}])
    with pytest.raises(UserError) as error:
        evaluate_file(model_folder, file, fields)
    assert str(error.value) == expected


def test_a_label_that_the_model_does_not_have(model_folder: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "dev.jsonl", [{"text": "happy", "label": "größer"}, {"text": "dull", "label": "bad"}])
    with pytest.raises(UserError) as error:
        evaluate_file(model_folder, file, [])
    assert str(error.value).startswith(f"{file}:2: label 'bad' is not among the labels of the training data (")


def test_a_label_that_is_missing(model_folder: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "dev.jsonl", [{"text": "happy", "label": "größer"}, {"text": "dull"}])
    with pytest.raises(UserError, match=r"dev\.jsonl:2: "):
        evaluate_file(model_folder, file, [])


def test_a_task_without_scores(model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    save_folder(folder, load_folder(model_folder, heads=("mlm",)))
    data = write(tmp_path / "dev.jsonl", [{"text": "the river", "label": LABELS[0]}])
    with pytest.raises(UserError) as error:
        evaluate_file(folder, data, [])
    assert str(error.value) == f"{folder}: its task is fill-mask, which has no scores; fine-tune it for one that has"
