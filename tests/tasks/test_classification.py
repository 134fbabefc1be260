"""Classification: examples in, sums of losses and predictions in the record form out."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch, pack
from encodery.data.examples import Example
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.tasks.classification import TextClassification, TextClassificationConfig
from encodery.tasks.problems import OneLabel
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.company import in_company, random_model
from tests.tasks.conftest import LABELS, WORDS, make_tokenizer

TEXTS = (
    ("the river", None, "good"),
    ("a very dull city", None, "bad"),
    ("the baker sees", "not the farmer", "neither"),
    ("happy", None, "good"),
    ("a broken river and a city", "or", "bad"),
)


def example(text: str, pair: str | None = None, label: str | None = None) -> Example:
    return Example(text, pair, label, "train.tsv:7")


def decoded(task: TextClassification, logits: Tensor) -> dict[str, Any]:
    one = example("the river")
    return task.decode(one, task.encode(one), [logits])


@pytest.fixture
def batch(task: TextClassification) -> Batch:
    return pack([task.encode(example(*values)).windows[0].sequence for values in TEXTS])


def test_one_text_is_one_segment(task: TextClassification, tokenizer: Tokenizer) -> None:
    encoded = task.encode(example("the river", label="good"))
    (sequence,) = encoded.sequences
    tokens = [tokenizer.id_to_token(index) for index in sequence.input_ids]
    assert tokens == ["[CLS]", "the", "river", "[SEP]"]
    assert sequence.token_type_ids is not None
    assert list(sequence.token_type_ids) == [0, 0, 0, 0]
    assert sequence.label == 1
    assert not encoded.truncated


def test_a_pair_is_two_segments(task: TextClassification, tokenizer: Tokenizer) -> None:
    sequence = task.encode(example("the river", "city")).windows[0].sequence
    tokens = [tokenizer.id_to_token(index) for index in sequence.input_ids]
    assert tokens == ["[CLS]", "the", "river", "[SEP]", "city", "[SEP]"]
    assert sequence.token_type_ids is not None
    assert list(sequence.token_type_ids) == [0, 0, 0, 0, 1, 1]
    assert sequence.label is None


def test_a_long_text_is_windows_with_its_label(task: TextClassification) -> None:
    encoded = task.encode(example("river " * 23, "city city", "good"))
    assert not encoded.truncated
    assert len(encoded.windows) == 5
    for sequence in encoded.sequences:
        assert sequence.token_type_ids is not None
        assert list(sequence.token_type_ids) == [0] * 8 + [1] * 3
        assert sequence.label == 1


def test_windows_vote_by_the_tokens_that_are_theirs(task: TextClassification) -> None:
    encoded = task.encode(example("river " * 13))
    own = [window.num_own for window in encoded.windows]
    assert own == [7, 6]
    rows = [torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 2.0, -1.0])]
    expected = task.problem.decode(((7 * rows[0] + 6 * rows[1]) / 13)[None])
    assert [task.decode(example("river " * 13), encoded, rows)] == expected


def test_a_label_that_training_did_not_have(task: TextClassification) -> None:
    with pytest.raises(UserError) as error:
        task.encode(example("the river", label="great"))
    assert str(error.value) == (
        "train.tsv:7: label 'great' is not among the labels of the training data ('bad', 'good', 'neither'); "
        "correct it, or list every label in task.labels"
    )


def test_the_loss_is_a_sum_with_its_count(task: TextClassification, model: Model, batch: Batch) -> None:
    output = task.loss(model, batch)
    logits = task.forward(model, batch)
    assert batch.sequence_labels is not None
    expected = F.cross_entropy(logits, batch.sequence_labels, reduction="sum")
    torch.testing.assert_close(output.losses["classification"], expected)
    hits = int((logits.argmax(1) == batch.sequence_labels).sum())
    assert output.metrics == {"loss": (pytest.approx(expected.item()), 5), "accuracy": (hits, 5)}
    assert task.counts(batch) == {"classification": 5}


def test_loss_sums_and_gradients_add_up_over_any_split(task: TextClassification, model: Model, batch: Batch) -> None:
    task.loss(model, batch).losses["classification"].backward()  # type: ignore[no-untyped-call]
    whole = {name: parameter.grad for name, parameter in model.named_parameters()}
    expected = task.loss(model, batch)
    for budget in (1, 11, 17):
        model.zero_grad()
        parts = batch.split(budget)
        assert len(parts) > 1
        outputs = [task.loss(model, part) for part in parts]
        for output in outputs:
            output.losses["classification"].backward()  # type: ignore[no-untyped-call]
        total = sum(output.losses["classification"].item() for output in outputs)
        assert total == pytest.approx(expected.losses["classification"].item(), rel=1e-5)
        for name, (value, count) in expected.metrics.items():
            sums = [output.metrics[name] for output in outputs]
            assert sum(part for part, _ in sums) == pytest.approx(value, rel=1e-5)
            assert sum(part for _, part in sums) == count
        assert sum(task.counts(part)["classification"] for part in parts) == 5
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameter.grad, whole[name], atol=2e-5, rtol=2e-5, msg=name)


def test_predictions_are_probabilities_of_every_label(task: TextClassification) -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, -5.0, 0.0], [-300.0, 300.0, 0.0]])
    predictions = [decoded(task, row) for row in logits]
    assert [prediction["label"] for prediction in predictions] == ["good", "bad", "good"]
    for prediction, row in zip(predictions, logits, strict=True):
        assert list(prediction) == ["label", "score", "scores"]
        assert tuple(prediction["scores"]) == LABELS
        assert prediction["scores"] == pytest.approx(dict(zip(LABELS, torch.softmax(row, -1).tolist(), strict=True)))
        assert sum(prediction["scores"].values()) == pytest.approx(1.0)
        assert prediction["score"] == prediction["scores"][prediction["label"]] == max(prediction["scores"].values())


SOME = st.lists(st.sampled_from(WORDS), max_size=41).map(" ".join)


@given(st.lists(st.tuples(SOME, st.none() | SOME), min_size=1, max_size=7))
def test_predictions_do_not_depend_on_their_company(pairs: list[tuple[str, str | None]]) -> None:
    task = TextClassification(make_tokenizer(), OneLabel(LABELS), Reading(max_seqlen=11))
    records = [{"text": text, "text_pair": pair} for text, pair in pairs]
    for one, reverse, alone in in_company(random_model("sequence", 3), task, records):
        assert one["label"] == reverse["label"] == alone["label"]
        assert one["scores"] == pytest.approx(reverse["scores"], abs=1e-5)
        assert one["scores"] == pytest.approx(alone["scores"], abs=1e-5)


def test_a_tie_goes_to_the_first_label(task: TextClassification) -> None:
    assert decoded(task, torch.zeros(3))["label"] == "bad"


def test_half_precision_logits_still_sum_to_one(task: TextClassification, model: Model, batch: Batch) -> None:
    for row in task.outputs(model.bfloat16(), batch):
        assert row.dtype == torch.float32
        assert sum(decoded(task, row)["scores"].values()) == pytest.approx(1.0, abs=1e-6)


def test_scores_compare_labels_by_name(task: TextClassification) -> None:
    predictions = [{"label": label} for label in ("good", "bad", "bad", "neither")]
    examples = [example("the", label=label) for label in ("good", "good", "bad", "neither")]
    scores = task.score(predictions, examples)
    assert scores["accuracy"] == 0.75
    assert scores["per_label"]["bad"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert scores["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_seqlen": 3}, "max_seqlen = 3: input should be greater than or equal to 4"),
        ({"labels": []}, "labels = []: at least 1 is needed"),
        (
            {"problem_type": "multilabel"},
            "problem_type = 'multilabel': input should be 'regression', 'single_label_classification' or "
            "'multi_label_classification'",
        ),
        ({"labels": ["a", "b", "a"]}, "labels = ('a', 'b', 'a') repeats 'a'"),
        ({"type": "ner"}, "type = 'ner': input should be 'text-classification'"),
    ],
)
def test_a_task_table_that_cannot_be(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(UserError) as error:
        TextClassificationConfig.parse(fields, "run.toml")
    assert str(error.value) == f"run.toml: {expected}"
