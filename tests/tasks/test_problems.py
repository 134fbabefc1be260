"""What labels are: read, learned, predicted; the losses are those of `transformers`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from encodery.batch import Batch, pack
from encodery.data.examples import Example, Label
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.families.stated import ProblemType
from encodery.model.heads import Model
from encodery.tasks.classification import TextClassification
from encodery.tasks.problems import PROBLEMS, ManyLabels, Number, OneLabel, Problem, infer_problem_type, make_problem
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import LABELS, make_model

MULTI, ONE, NUMBER = ManyLabels(LABELS), OneLabel(LABELS), Number(("LABEL_0",))
TEXTS = ("the river", "a very dull city", "the baker sees", "happy", "a broken river and a city")
TRUE: dict[ProblemType, list[Label]] = {
    "single_label_classification": ["good", "bad", "neither", "good", "bad"],
    "multi_label_classification": [("good",), (), ("neither", "bad"), ("good", "neither", "bad"), ("bad",)],
    "regression": [0.5, -3.0, 4, "2.25", 1e-3],
}


def example(label: Label | None, text: str = "the", line: int = 7) -> Example:
    return Example(text, None, label, f"train.jsonl:{line}")


def refusal(problem: Problem, label: Label) -> str:
    with pytest.raises(UserError) as error:
        problem.read(label, "train.jsonl:7")
    return str(error.value)


@pytest.fixture(params=PROBLEMS)
def task(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> TextClassification:
    labels = ("LABEL_0",) if request.param == "regression" else LABELS
    return TextClassification(tokenizer, make_problem(request.param, labels, "train.jsonl"), Reading(max_seqlen=11))


@pytest.fixture
def model(task: TextClassification) -> Model:
    return make_model(len(task.problem.labels))


@pytest.fixture
def batch(task: TextClassification) -> Batch:
    true = TRUE[task.problem.problem_type]
    examples = [example(label, text) for label, text in zip(true, TEXTS, strict=True)]
    return pack([task.encode(item).windows[0].sequence for item in examples])


def their_model(model: Model, task: TextClassification, folder: Path) -> Any:
    """As `transformers` opens what we save."""
    problem = task.problem
    ours = ModelFolder(FAMILIES["bert"], model, task.tokenizer, problem.labels, problem_type=problem.problem_type)
    save_folder(folder, ours)
    assert json.loads((folder / "config.json").read_text())["problem_type"] == problem.problem_type
    return transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()


def test_loss_and_gradients_are_those_of_transformers(
    task: TextClassification, model: Model, batch: Batch, tmp_path: Path
) -> None:
    """Their mean over a batch is our sum over its texts, once divided."""
    theirs = their_model(model, task, tmp_path)
    expected = theirs(**batch.dense(pad_token_id=0), labels=batch.sequence_labels).loss
    output = task.loss(model, batch)
    assert task.counts(batch) == {"classification": 5}
    torch.testing.assert_close(output.losses["classification"] / 5, expected)
    total, count = output.metrics["loss"]
    assert total / count == pytest.approx(expected.item())
    expected.backward()
    (output.losses["classification"] / 5).backward()  # type: ignore[no-untyped-call]
    found: Tensor = model.get_parameter("heads.sequence.out.weight").grad  # type: ignore[assignment]
    torch.testing.assert_close(found, theirs.classifier.weight.grad, atol=1e-5, rtol=1e-5)


def test_losses_and_metrics_add_up_over_any_split(task: TextClassification, model: Model, batch: Batch) -> None:
    whole = task.loss(model, batch)
    parts = [task.loss(model, part) for part in batch.split(7)]
    assert len(parts) > 2
    for name, (total, count) in whole.metrics.items():
        assert sum(part.metrics[name][0] for part in parts) == pytest.approx(total, rel=1e-5)
        assert sum(part.metrics[name][1] for part in parts) == count


def test_a_true_label_is_its_own_prediction(task: TextClassification) -> None:
    """Reading, scoring and the headline fit together: perfect predictions score 1, whatever a label is."""
    examples = [example(label) for label in TRUE[task.problem.problem_type]]
    predictions = [{"label": task.label_of(item)} for item in examples]
    scores = task.score(predictions, examples)
    perfect = {"mse": 0.0}
    assert {name: scores[name] for name in task.problem.headline} == {
        name: pytest.approx(perfect.get(name, 1.0)) for name in task.problem.headline
    }


def test_predictions_have_one_form(task: TextClassification, model: Model, batch: Batch) -> None:
    predictions = task.problem.decode(task.forward(model, batch))
    assert len(predictions) == 5
    for prediction in predictions:
        assert list(prediction) == ["label", "score", "scores"]
        assert tuple(prediction["scores"]) == task.problem.labels
        read = tuple(prediction["label"]) if isinstance(prediction["label"], list) else prediction["label"]
        assert task.problem.read(read, "a prediction") == prediction["label"]  # good for a training record
    assert json.loads(json.dumps(predictions)) == predictions


def test_several_labels_are_those_above_one_half() -> None:
    logits = torch.tensor([[0.1, -0.1, 3.0], [-1.0, -2.0, 0.0], [300.0, -300.0, 7.0]])
    assert [prediction["label"] for prediction in MULTI.decode(logits)] == [
        ["bad", "neither"],
        [],
        ["bad", "neither"],
    ]
    first, empty, _ = MULTI.decode(logits)
    assert first["scores"] == pytest.approx(dict(zip(LABELS, torch.sigmoid(logits[0]).tolist(), strict=True)))
    assert first["score"] == [first["scores"]["bad"], first["scores"]["neither"]]
    assert empty["score"] == []


def test_the_share_of_exact_rows_while_training() -> None:
    logits = torch.tensor([[0.1, -0.1, 3.0], [-1.0, -2.0, -0.5], [1.0, 1.0, -1.0]])
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert MULTI.loss(logits, targets)[1]["exact_match"] == (2.0, 3.0)


def test_a_number_is_the_logit_itself() -> None:
    assert NUMBER.decode(torch.tensor([[-7.5], [0.25]])) == [
        {"label": -7.5, "score": -7.5, "scores": {"LABEL_0": -7.5}},
        {"label": 0.25, "score": 0.25, "scores": {"LABEL_0": 0.25}},
    ]


def test_labels_are_read_into_the_form_of_predictions() -> None:
    assert ONE.read("good", "a") == "good"
    assert OneLabel(("0", "1")).read(1, "a") == "1"
    assert MULTI.read(("neither", "bad"), "a") == ["bad", "neither"]  # in the order of the logits
    assert MULTI.read((), "a") == []
    assert [NUMBER.read(label, "a") for label in (3, "3", " 2.5 ", "-1e3", 0.125)] == [3.0, 3.0, 2.5, -1000.0, 0.125]
    assert type(NUMBER.read(3, "a")) is float
    assert MULTI.target(["neither", "bad"]) == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("problem", "label", "expected"),
    [
        (ONE, "great", "label 'great' is not among the labels of the training data ('bad', 'good', 'neither'); "
         "correct it, or list every label in task.labels"),
        (MULTI, ("bad", "great"), "label 'great' is not among the labels of the training data ('bad', 'good', "
         "'neither'); correct it, or list every label in task.labels"),
        (ONE, 0.5, "label = 0.5; single_label_classification needs one text"),
        (ONE, ("good",), "label = ['good']; single_label_classification needs one text"),
        (MULTI, "good", "label = 'good'; multi_label_classification needs a list (where the file can hold none, set "
         "fields.label_separator)"),
        (MULTI, 3, "label = 3; multi_label_classification needs a list (where the file can hold none, set "
         "fields.label_separator)"),
        *(
            (NUMBER, label, f"label = {shown}; regression needs a finite number")
            for label, shown in (
                ("good", "'good'"),
                ("3,5", "'3,5'"),
                ("1_000", "'1_000'"),
                (("3",), "['3']"),
                ("nan", "'nan'"),
                (float("inf"), "inf"),
                (1e39, "1e+39"),
                (10**400, "1" + 79 * "0"),
            )
        ),
    ],
)  # fmt: skip
def test_labels_of_another_problem(problem: Problem, label: Label, expected: str) -> None:
    assert refusal(problem, label) == f"train.jsonl:7: {expected}"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["good", "bad"], "single_label_classification"),
        (["1", "2"], "single_label_classification"),
        (["good", 3], "single_label_classification"),
        ([3, 2.5], "regression"),
        ([0.5], "regression"),
        ([("good",), ("bad", "good")], "multi_label_classification"),
        ([(), ()], "multi_label_classification"),
        ([("good",), "bad"], "multi_label_classification"),  # the second is then refused by its line
        ([None], "single_label_classification"),
        ([], "single_label_classification"),
    ],
)
def test_what_the_labels_of_a_file_are(labels: list[Label | None], expected: str) -> None:
    assert infer_problem_type([example(label) for label in labels], "train.jsonl") == expected


def test_whole_numbers_alone_say_too_little() -> None:
    with pytest.raises(UserError) as error:
        infer_problem_type([example(0), example(1)], "train.jsonl")
    assert str(error.value) == (
        "train.jsonl: every label is a whole number, the name of a class or a quantity; "
        "set task.problem_type to 'single_label_classification' or 'regression'"
    )


def test_the_names_of_the_outputs() -> None:
    one = [example(label) for label in ("good", "bad", "good", None, "10", 9)]
    assert OneLabel.names(one) == ("10", "9", "bad", "good")
    many = [example(label) for label in (("b", "a"), (), ("c", "a"))]
    assert ManyLabels.names(many) == ("a", "b", "c")
    assert Number.names([example(3.5)]) == ("LABEL_0",)


@pytest.mark.parametrize(
    ("problem_type", "labels", "expected"),
    [
        ("single_label_classification", (), "0 distinct labels (); single_label_classification needs two or more"),
        ("single_label_classification", ("a",), "1 distinct labels (a); single_label_classification needs two or "
         "more"),
        ("multi_label_classification", (), "0 distinct labels (); multi_label_classification needs one or more"),
        ("regression", ("a", "b"), "2 distinct labels (a, b); regression needs exactly one"),
        ("regression", tuple("abcdefghijk"), "11 distinct labels (a, b, c, d, e, f, g, h, ...); regression needs "
         "exactly one"),
    ],
)  # fmt: skip
def test_outputs_that_a_problem_cannot_have(
    problem_type: ProblemType, labels: tuple[str, ...], expected: str
) -> None:
    with pytest.raises(UserError) as error:
        make_problem(problem_type, labels, "train.tsv")
    assert str(error.value) == f"train.tsv: {expected}"
