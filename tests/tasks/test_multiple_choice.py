"""Multiple choice: one number for each choice, a softmax over those of an example, however they are batched."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from encodery.batch import Batch, pack
from encodery.data.choices import ChoiceExample, ChoiceFields, input_choice, read_choice
from encodery.data.epochs import Epochs
from encodery.families import FAMILIES
from encodery.families.folder import ModelFolder, save_folder
from encodery.model.heads import Model
from encodery.serve.predictor import Predictor
from encodery.tasks.judging import Judging
from encodery.tasks.languages import Languages
from encodery.tasks.multiple_choice import MultipleChoice, MultipleChoiceConfig
from encodery.tasks.task import Trainable
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import CONFIG, WORDS, make_tokenizer


def make_task(tokenizer: Tokenizer, max_seqlen: int = 17) -> MultipleChoice:
    return MultipleChoice(tokenizer, Reading(max_seqlen=max_seqlen))


def make_model() -> Model:
    model = Model(CONFIG, ("choice",))
    with torch.no_grad():
        generator = torch.Generator().manual_seed(3)
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
    return model.eval()


def choice(text: str, *choices: str, label: int = 0) -> ChoiceExample:
    return read_choice("a:1", {"text": text, "choices": [*choices], "label": label}, ChoiceFields())


EXAMPLES = [
    choice("the river sees", "a city", "happy and bright", label=1),
    choice("dull", "the farmer", "a", "very very happy or broken", label=0),
    choice("the baker", "city " * 29, "not", "a river " * 13, "or", label=2),
]


def packed(task: MultipleChoice, *examples: ChoiceExample) -> Batch:
    return pack([sequence for example in examples for sequence in task.encode(example).sequences])


def test_it_is_a_task(tokenizer: Tokenizer) -> None:
    assert isinstance(make_task(tokenizer), Trainable)


def test_every_choice_is_a_pair_with_the_text(tokenizer: Tokenizer) -> None:
    encoded = make_task(tokenizer).encode(EXAMPLES[0])
    for sequence, text in zip(encoded.sequences, EXAMPLES[0].choices, strict=True):
        plain = tokenizer.encode("the river sees", text)
        assert sequence.input_ids == plain.input_ids
        assert sequence.token_type_ids == plain.token_type_ids
    assert [sequence.continues for sequence in encoded.sequences] == [False, True]
    assert not encoded.is_long
    assert make_task(tokenizer).encode(EXAMPLES[2]).is_long


def test_loss_and_gradients_are_those_of_transformers(tokenizer: Tokenizer, tmp_path: Path) -> None:
    task = make_task(tokenizer)
    model = FAMILIES["bert"].model(CONFIG, ("choice",), 0)
    model.initialize(3)
    model.eval()
    batch = packed(task, *EXAMPLES[:2])
    output = task.loss(model, batch)
    output.losses["choices"].backward()  # type: ignore[no-untyped-call]
    save_folder(tmp_path, ModelFolder(FAMILIES["bert"], model, tokenizer))
    theirs: Any = transformers.AutoModelForMultipleChoice.from_pretrained(tmp_path).eval()
    total = torch.zeros(())
    for example in EXAMPLES[:2]:
        dense = packed(task, example).dense(tokenizer.pad_token_id)
        inputs = {name: value[None] for name, value in dense.items()}  # one example of so many choices
        total = total + theirs(**inputs, labels=torch.tensor([example.label])).loss
    total.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(output.losses["choices"], total, atol=1e-5, rtol=1e-5)
    ours = dict(model.named_parameters())
    torch.testing.assert_close(
        ours["heads.choice.out.weight"].grad, theirs.classifier.weight.grad, atol=1e-5, rtol=1e-4
    )
    words = theirs.bert.embeddings.word_embeddings.weight.grad
    torch.testing.assert_close(ours["encoder.embeddings.word.weight"].grad, words, atol=1e-5, rtol=1e-4)


def test_training_merges_windows_as_prediction_does(tokenizer: Tokenizer) -> None:
    task, model = make_task(tokenizer), make_model()
    predictor = Predictor(ModelFolder(FAMILIES["bert"], model, tokenizer), task)
    for example in EXAMPLES:
        (prediction,) = predictor.predict_examples([example])
        with torch.no_grad():
            loss = task.loss(model, packed(task, example)).losses["choices"].item()
        assert loss == pytest.approx(-torch.tensor(prediction["scores"])[example.label].log().item(), abs=1e-5)


@given(st.integers(1, 131))
def test_losses_add_up_over_any_split(most: int) -> None:
    task, model = make_task(make_tokenizer()), make_model()
    batch = packed(task, *EXAMPLES)
    with torch.no_grad():
        whole = task.loss(model, batch)
        parts = [task.loss(model, part) for part in batch.split(most)]
    assert task.counts(batch) == {"choices": 3}
    assert sum(part.losses["choices"].item() for part in parts) == pytest.approx(
        whole.losses["choices"].item(), rel=1e-5
    )
    for name, (total, count) in whole.metrics.items():
        assert sum(part.metrics[name][0] for part in parts) == pytest.approx(total, rel=1e-5)
        assert sum(part.metrics[name][1] for part in parts) == count == 3


def test_an_example_stays_together_in_training(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    sequences = [sequence for example in EXAMPLES * 7 for sequence in task.encode(example).sequences]
    batches = Epochs(sequences, 53, 2, 5)
    kinds = {tuple(e.choices): task.encode(e).sequences for e in EXAMPLES}
    known = {tuple(tuple(s.input_ids) for s in sequences) for sequences in kinds.values()}
    count = 0
    for step in range(len(batches)):
        batch = batches(step)
        rows = [tuple(part.tolist()) for part in torch.split(batch.input_ids, batch.seqlens())]
        for first, last in pairwise(batch.example_bounds.tolist()):
            assert tuple(rows[first:last]) in known
            count += 1
    assert count == 2 * 7 * 3


@given(
    st.lists(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=19), min_size=2, max_size=5), max_size=5)
)
def test_predictions_do_not_depend_on_their_company(drawn: list[list[list[str]]]) -> None:
    tokenizer = make_tokenizer()
    folder = ModelFolder(FAMILIES["bert"], make_model(), tokenizer)
    records = [{"text": "a happy farmer", "choices": [" ".join(words) for words in choices]} for choices in drawn]
    together = Predictor(folder, make_task(tokenizer)).predict(records)
    for record, prediction in zip(records, together, strict=True):
        (alone,) = Predictor(folder, make_task(tokenizer), 1).predict([record])
        assert prediction["scores"] == pytest.approx(alone["scores"], abs=1e-5)
        assert prediction["score"] == max(prediction["scores"])
        assert prediction["choice"] == record["choices"][prediction["label"]]
        assert sum(prediction["scores"]) == pytest.approx(1.0)


def test_a_choice_of_windows_counts_once() -> None:
    """Two choices whose windows all say the same have the same probability, however long."""
    task = make_task(make_tokenizer())
    example = input_choice("x:1", {"text": "river", "choices": ["a", "city " * 61]})
    encoded = task.encode(example)
    assert len(encoded.windows) > 3
    prediction = task.decode(example, encoded, [torch.tensor([0.7])] * len(encoded.windows))
    assert prediction["scores"] == pytest.approx([0.5, 0.5])


def test_what_is_said_of_equal_choices(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    example = input_choice("x:1", {"text": "river", "choices": ["a", "city", "a"]})
    outputs = [torch.tensor([value]) for value in (2.0, 1.0, 2.0)]
    assert task.decode(example, task.encode(example), outputs)["label"] == 0


def test_scores_and_records(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    assert task.score([{"label": 1}, {"label": 2}, {"label": 2}], EXAMPLES) == {"accuracy": pytest.approx(2 / 3)}
    assert task.record(EXAMPLES[0]) == {
        "text": "the river sees",
        "choices": ["a city", "happy and bright"],
        "true": 1,
    }


def test_its_errors_can_be_shown(tokenizer: Tokenizer) -> None:
    task = make_task(tokenizer)
    assert isinstance(task, Judging)
    said = [
        {"label": 1, "scores": [0.25, 0.75]},
        {"label": 2, "scores": [0.25, 0.125, 0.625]},
        {"label": 2, "scores": [0.1, 0.2, 0.4, 0.3]},
    ]
    right, wrong, _ = (task.judge(*pair) for pair in zip(said, EXAMPLES, strict=True))
    assert (right.error, right.predicted, right.true) == (0.0, "1: happy and bright", "1: happy and bright")
    assert (wrong.error, wrong.predicted, wrong.true) == (0.75, "2: very very happy or broken", "0: the farmer")
    assert wrong.scores == {"0: the farmer": 0.25, "1: a": 0.125, "2: very very happy or broken": 0.625}
    (matrix,) = task.matrices(said, EXAMPLES)
    assert matrix.rows == matrix.columns == ("0", "1", "2", "3")
    assert matrix.counts == ((0, 0, 1, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 0))
    assert (task.labels_of(EXAMPLES[0]), task.doubts(said, EXAMPLES), task.matrices([], [])) == ((), [], [])


def test_equal_choices_are_told_apart(tokenizer: Tokenizer) -> None:
    judged = make_task(tokenizer).judge({"label": 0, "scores": [0.6, 0.4]}, choice("river", "a", "a", label=1))
    assert (judged.predicted, judged.true, judged.error) == ("0: a", "1: a", 0.6)


def test_the_table_of_a_recipe(tokenizer: Tokenizer) -> None:
    config = MultipleChoiceConfig.parse({"type": "multiple-choice", "max_seqlen": 29}, "run.toml")
    learned = config.learn(EXAMPLES, "train.jsonl", "key")
    assert (learned.labels, learned.problem_type) == ((), None)
    task = config.task(tokenizer, learned, Languages())
    assert task.info == {"task": "multiple-choice", "max_seqlen": 29, "on_overflow": "window"}
