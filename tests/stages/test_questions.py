"""A recipe that answers questions and chooses: from the files to the folders and the report."""

import json
import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import transformers
from rich.console import Console

import encodery
from encodery.demo.labelled import question_records, topic_records
from encodery.recipe import load_recipe
from encodery.report.page import render_report
from encodery.stages import open_run, run
from encodery.stages.error_page import error_page
from encodery.stages.evaluation import evaluate
from encodery.stages.graph import stages_of
from encodery.tasks.question_answering import QuestionAnswering
from tests.report.test_page import Page
from tests.stages.test_report import Text

RECIPE = """
name = "qa"
[model]
preset = "tiny"
[model.config]
num_hidden_layers = 1
hidden_size = 64
intermediate_size = 128
max_position_embeddings = 61
hidden_dropout_prob = 0.0
attention_probs_dropout_prob = 0.0
[corpus]
inputs = [{ path = "text.txt" }]
valid_fraction = 0.2
[tokenizer]
vocab_size = 700
min_frequency = 1
[finetune.answers]
from = "scratch"
train = "questions.jsonl"
dev = "questions.jsonl"
test = "questions.jsonl"
task = { type = "question-answering", max_seqlen = 61, n_best = 3 }
tokens_per_step = 512
epochs = 9
precision = "fp32"
evaluate_every = 50
optimizer = { lr = 3e-3 }
[finetune.choices]
from = "scratch"
train = "choices.jsonl"
test = "choices.jsonl"
task = { type = "multiple-choice", max_seqlen = 43 }
tokens_per_step = 512
epochs = 7
precision = "fp32"
optimizer = { lr = 2e-3 }
"""


def questions() -> list[dict[str, Any]]:
    """Every fifth one is about another text than the one that it stands beside."""
    records = list(islice(question_records("en", "train", random.Random(5)), 31))
    for place in range(4, 31, 5):
        records[place] |= {"question": "Which comet was seen?", "answers": {"text": [], "answer_start": []}}
    return records


def choices() -> list[dict[str, Any]]:
    """Two to four texts of different topics, and the name of one topic."""
    drawn, rng = topic_records("en", "train", random.Random(5)), random.Random(7)
    records = []
    for place in range(41):
        some = list(islice(drawn, 2 + place % 3))
        label = rng.randrange(len(some))
        records.append({"text": some[label]["label"], "choices": [one["text"] for one in some], "label": label})
    return records


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose recipe has run to its end."""
    folder = tmp_path_factory.mktemp("qa")
    (folder / "qa.toml").write_text(RECIPE)
    texts = [f"{record['context']} {record['question']}" for record in questions()]
    texts += [" ".join([record["text"], *record["choices"]]) for record in choices()]
    (folder / "text.txt").write_text("\n\n".join(texts))
    write(folder / "questions.jsonl", questions())
    write(folder / "choices.jsonl", choices())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        opened = open_run(load_recipe(folder / "qa.toml"), folder / "qa.toml", Console(quiet=True))
        run(opened, stages_of(opened))
    return folder


def folder_of(project: Path, name: str) -> Path:
    return project / "runs" / "qa" / "finetune" / name / "1"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_answers_from_the_file_to_the_folder(project: Path) -> None:
    folder = folder_of(project, "answers")
    info = json.loads((folder / "encodery.json").read_text())
    assert info["task"] == "question-answering"
    assert info["metrics"]["test"]["f1"] > 0.5
    model = encodery.load(folder)
    asked = [{key: record[key] for key in ("question", "context")} for record in questions()]
    predictions = model.predict(asked)
    said = lines_of(folder / "predictions.jsonl")
    assert [line["answer"] for line in said] == [prediction["answer"] for prediction in predictions]
    evaluated = evaluate(folder, [str(project / "questions.jsonl")])
    assert [(line["best_answer"], line["no_answer"]) for line in said] == [
        (prediction["best_answer"], pytest.approx(prediction["no_answer"], abs=1e-4))
        for prediction in evaluated.predictions
    ]
    for record, prediction in zip(asked, predictions, strict=True):
        assert len(prediction["n_best"]) == 3
        if prediction["answer"] is not None:
            assert record["context"][prediction["start"] : prediction["end"]] == prediction["answer"]
    for figure in ("f1", "best_f1", "pr_f1_ap"):
        assert evaluated.scores[figure] == pytest.approx(info["metrics"]["test"][figure])


def test_the_threshold_is_tuned_on_dev_and_kept(project: Path) -> None:
    folder = folder_of(project, "answers")
    info = json.loads((folder / "encodery.json").read_text())
    dev, test = info["metrics"]["dev"], info["metrics"]["test"]
    assert dev["f1"] == pytest.approx(test["f1"])  # one file, so the one that it is tuned on
    assert {"HasAns_f1", "NoAns_f1"} <= test.keys()
    last = [line for line in lines_of(folder / "log.jsonl") if line["event"] == "eval"][-1]
    assert dev["f1"] >= last["f1"]  # with 0 as the threshold
    assert test["best_f1"] == pytest.approx(test["f1"])
    assert test["best_f1_thresh"] == pytest.approx(info["no_answer_threshold"])
    model = encodery.load(folder)
    assert isinstance(model.task, QuestionAnswering)
    assert model.task.rule.no_answer_threshold == info["no_answer_threshold"]


def test_choices_from_the_file_to_the_folder(project: Path) -> None:
    folder = folder_of(project, "choices")
    info = json.loads((folder / "encodery.json").read_text())
    assert info["task"] == "multiple-choice"
    assert info["metrics"]["test"]["accuracy"] > 0.6
    predictions = encodery.load(folder).predict([{k: r[k] for k in ("text", "choices")} for r in choices()])
    right = [
        prediction["label"] == record["label"] for prediction, record in zip(predictions, choices(), strict=True)
    ]
    assert sum(right) / len(right) == pytest.approx(info["metrics"]["test"]["accuracy"])
    assert [line["choice"] for line in lines_of(folder / "predictions.jsonl")] == [p["choice"] for p in predictions]


def test_the_page_of_errors_of_both(project: Path) -> None:
    for name, file, drawn in (("answers", "questions.jsonl", True), ("choices", "choices.jsonl", False)):
        page = Page(render_report(error_page(evaluate(folder_of(project, name), [str(project / file)]), name)))
        assert page.all("h2")[0] == "Confusion"
        assert ("Thresholds" in page.all("h2")) == drawn


def test_transformers_opens_both(project: Path) -> None:
    transformers.AutoModelForQuestionAnswering.from_pretrained(folder_of(project, "answers"))
    transformers.AutoModelForMultipleChoice.from_pretrained(folder_of(project, "choices"))
    card = (folder_of(project, "answers") / "README.md").read_text()
    assert "AutoModelForQuestionAnswering.from_pretrained" in card
    assert "## Labels" not in card


def test_the_report_says_how_good_both_are(project: Path) -> None:
    page = Text((project / "runs/qa/report/report.html").read_text()).text
    for name, score, words in (("answers", "f1", "F1"), ("choices", "accuracy", "accuracy")):
        info = json.loads((folder_of(project, name) / "encodery.json").read_text())
        assert f"{info['metrics']['test'][score]:.1%}" in page
        assert f"test {words}" in page
