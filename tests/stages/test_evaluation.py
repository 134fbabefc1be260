"""Labelled files through a model: scores, intervals, languages, slices, another model."""

import json
from pathlib import Path
from typing import Any

import pytest

from encodery.errors import UserError
from encodery.families.folder import load_folder, save_folder
from encodery.serve.predictor import load
from encodery.stages.evaluation import AVERAGE, evaluate
from tests.serve.conftest import LABELS, sentence
from tests.serve.test_predictor import with_info

from .conftest import Write, save_model

TEXTS = [sentence(number) for number in range(11)]
WRONG = (2, 5, 7)


@pytest.fixture(scope="module")
def records(model_folder: Path) -> list[dict[str, Any]]:
    """Of 11 texts three are labelled otherwise than the model says."""
    predicted = [prediction["label"] for prediction in load(model_folder).predict(TEXTS)]
    other = dict(zip(LABELS, reversed(LABELS), strict=True))
    labels = [other[label] if place in WRONG else label for place, label in enumerate(predicted)]
    return [{"text": text, "label": label} for text, label in zip(TEXTS, labels, strict=True)]


def complaint(*arguments: Any, **named: Any) -> str:
    with pytest.raises(UserError) as error:
        evaluate(*arguments, **named)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_scores_of_a_labelled_file(model_folder: Path, write: Write, records: list[dict[str, Any]]) -> None:
    scores = evaluate(model_folder, [str(write("dev.jsonl", records))]).scores
    assert scores["examples"] == 11
    assert scores["accuracy"] == pytest.approx(8 / 11)
    assert set(scores) == {"examples", "accuracy", "macro_f1", "matthews", "per_label", "confusion", "intervals"}
    assert sum(figures["support"] for figures in scores["per_label"].values()) == 11
    assert set(scores["intervals"]) == {"accuracy", "macro_f1"}
    low, high = scores["intervals"]["accuracy"]
    assert 0.3 < low < 8 / 11 < high <= 1.0
    assert json.loads(json.dumps(scores)) == scores


@pytest.mark.parametrize(("on_overflow", "cut"), [("truncate", {"truncated": 2}), ("window", {})])
def test_texts_that_are_cut_are_counted(
    model_folder: Path, tmp_path: Path, write: Write, on_overflow: str, cut: dict[str, int]
) -> None:
    folder = with_info(model_folder, tmp_path, max_seqlen=7, on_overflow=on_overflow)
    file = write("dev.jsonl", [{"text": "river " * length, "label": LABELS[0]} for length in (5, 6, 11)])
    scores = evaluate(folder, [str(file)]).scores
    assert {key: value for key, value in scores.items() if key == "truncated"} == cut


def test_columns_under_other_names(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("sentence\tclass\nthe river\tschlecht\nhappy\tgrößer\n", encoding="utf-8")
    assert evaluate(model_folder, [f"{tmp_path}/dev.tsv"], ["text=sentence", "label=class"]).scores["examples"] == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["text"], "--field text: write it as OURS=THEIRS, for example --field text=sentence"),
        (["text=text", "label"], "--field label: write it as OURS=THEIRS, for example --field text=sentence"),
        (["txt=sentence"], "--field: unknown key 'txt'; did you mean 'text'?"),
    ],
)
def test_a_field_that_cannot_be(model_folder: Path, write: Write, fields: list[str], expected: str) -> None:
    file = write("dev.jsonl", [{"text": "happy", "label": "größer"}])
    assert complaint(model_folder, [str(file)], fields) == expected


def test_a_label_that_the_model_does_not_have(model_folder: Path, write: Write) -> None:
    file = write("dev.jsonl", [{"text": "happy", "label": "größer"}, {"text": "dull", "label": "bad"}])
    assert complaint(model_folder, [str(file)]).startswith(
        f"{file}:2: label 'bad' is not among the labels of the training data ("
    )


def test_a_label_that_is_missing(model_folder: Path, write: Write) -> None:
    file = write("dev.jsonl", [{"text": "happy", "label": "größer"}, {"text": "dull"}])
    assert complaint(model_folder, [str(file)]).startswith(f"{file}:2: ")


def test_a_task_without_scores(model_folder: Path, write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    save_folder(folder, load_folder(model_folder, heads=("mlm",)))
    file = write("dev.jsonl", [{"text": "the river", "label": LABELS[0]}])
    assert complaint(folder, [str(file)]) == (
        f"{folder}: its task is fill-mask, which has no scores; fine-tune it for one that has"
    )


def test_a_file_for_each_language(model_folder: Path, write: Write, records: list[dict[str, Any]]) -> None:
    de, sw = write("de.jsonl", records[:7]), write("sw.jsonl", records[7:])
    evaluation = evaluate(model_folder, [f"de={de}", f"sw={sw}"])
    assert [example.language for example in evaluation.labelled.examples] == ["de"] * 7 + ["sw"] * 4
    languages = evaluation.scores["languages"]
    assert list(languages) == ["de", "sw", AVERAGE]
    assert languages["de"]["accuracy"] == pytest.approx(5 / 7)
    assert languages["sw"]["accuracy"] == pytest.approx(3 / 4)
    assert languages[AVERAGE]["accuracy"] == pytest.approx((5 / 7 + 3 / 4) / 2)
    assert evaluation.scores["accuracy"] == pytest.approx(8 / 11)


def test_a_column_of_languages_says_the_same(model_folder: Path, write: Write, records: list[dict[str, Any]]) -> None:
    mixed = [{**record, "language": "sw" if place >= 7 else "de"} for place, record in enumerate(records)]
    whole = evaluate(model_folder, [str(write("all.jsonl", mixed))]).scores["languages"]
    parts = [f"de={write('de.jsonl', records[:7])}", f"sw={write('sw.jsonl', records[7:])}"]
    assert whole == evaluate(model_folder, parts).scores["languages"]
    named = evaluate(model_folder, [f"xx={write('all.jsonl', mixed)}"])  # what a record says counts more
    assert named.scores["languages"] == whole


def test_a_file_whose_name_has_an_equals_sign(model_folder: Path, write: Write) -> None:
    file = write("a=b.jsonl", [{"text": "happy", "label": LABELS[0]}])
    assert evaluate(model_folder, [str(file)]).labelled.examples[0].language is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            ["a.jsonl", "b.jsonl"],
            "--data a.jsonl: several files need the names of their languages, for example --data de=de.jsonl "
            "--data sw=sw.jsonl",
        ),
        (["de=a.jsonl", "de=b.jsonl"], "--data de=b.jsonl: the name de is taken; give each file one of its own"),
        (
            ["de=a.jsonl", "average=b.jsonl"],
            "--data average=b.jsonl: the name average is taken; give each file one of its own",
        ),
    ],
)
def test_files_that_cannot_be(model_folder: Path, data: list[str], expected: str) -> None:
    assert complaint(model_folder, data) == expected


def test_slices_add_up(model_folder: Path, write: Write, records: list[dict[str, Any]]) -> None:
    marked = [{**record, "kind": "long" if place % 2 else None} for place, record in enumerate(records)]
    file = write("dev.jsonl", marked)
    slices = evaluate(model_folder, [str(file)], by=["kind", "length", "label", "source", "language"]).scores[
        "slices"
    ]
    assert list(slices) == ["kind", "length", "label", "source", "language"]
    assert set(slices["kind"]) == {"not stated", "long"}
    assert slices["kind"]["long"]["accuracy"] == pytest.approx(3 / 5)  # 5 and 7 are odd
    assert list(slices["source"]) == [str(file)]
    assert list(slices["language"]) == ["not stated"]
    for way in slices.values():
        assert sum(scores["examples"] for scores in way.values()) == 11
        hits = sum(scores["examples"] * scores["accuracy"] for scores in way.values())
        assert hits == pytest.approx(8)
        assert all(len(scores["intervals"]["accuracy"]) == 2 for scores in way.values())
    assert all(set(scores) == {"examples", "accuracy", "intervals"} for scores in slices["label"].values())


def test_nothing_to_slice_by(model_folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("dev.jsonl", [{"text": "happy", "label": LABELS[0], "id": number} for number in range(7)])
    assert complaint(model_folder, [str(file)], by=["kind"]) == (
        "--by kind: length, label, language, source or a column is needed; the columns are: text, label, id"
    )
    monkeypatch.setattr("encodery.stages.slicing.MOST", 5)
    assert complaint(model_folder, [str(file)], by=["id"]) == (
        "--by id: 7 different values in 7 records; at most 5 make slices, name another column"
    )


def test_against_itself_there_is_no_difference(
    model_folder: Path, write: Write, records: list[dict[str, Any]]
) -> None:
    file = str(write("dev.jsonl", records))
    against = evaluate(model_folder, [file], against=model_folder).scores["against"]
    assert against["model"] == str(model_folder)
    assert against["accuracy"] == {
        "model": pytest.approx(8 / 11),
        "against": pytest.approx(8 / 11),
        "difference": 0.0,
        "interval": [0.0, 0.0],
        "p_bootstrap": 1.0,
        "p_randomization": 1.0,
    }


def test_the_difference_is_this_model_less_the_other(
    model_folder: Path, write: Write, tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    other = save_model(tmp_path / "other", tuple(reversed(LABELS)), seed=5)  # labels in another order
    file = str(write("dev.jsonl", records))
    ours, theirs = (evaluate(model, [file]).scores["accuracy"] for model in (model_folder, other))
    assert ours != theirs
    found = evaluate(model_folder, [file], against=other).scores["against"]["accuracy"]
    assert (found["model"], found["against"]) == (ours, theirs)
    assert found["difference"] == pytest.approx(ours - theirs)
    back = evaluate(other, [file], against=model_folder).scores["against"]["accuracy"]
    assert back["difference"] == pytest.approx(theirs - ours)


def test_models_that_cannot_be_compared(
    model_folder: Path, write: Write, tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    file = str(write("dev.jsonl", records))
    plain = tmp_path / "plain"
    plain.mkdir()
    save_folder(plain, load_folder(model_folder, heads=()))
    assert complaint(model_folder, [file], against=plain) == (
        f"--against {plain}: its task is feature-extraction and not text-classification; name another model"
    )
    third = save_model(tmp_path / "third", (*LABELS, "third"), seed=1)
    wider = [{"text": text, "label": LABELS[0]} for text in TEXTS]
    assert "third" in {prediction["label"] for prediction in load(third).predict(TEXTS)}
    message = complaint(model_folder, [str(write("wider.jsonl", wider))], against=third)
    assert message.startswith(f"--against {third}: a prediction: label 'third' is not among the labels")
