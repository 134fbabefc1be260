"""What a fine-tuned teacher says, as a target: by hand for each kind of decision, with labels and without."""

from collections.abc import Sequence as Many
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import Batch, Sequence, pack
from encodery.data.epochs import Epochs
from encodery.data.examples import Example
from encodery.data.questions import QuestionFields, input_question, read_question
from encodery.data.tagged import TaggedExample, TaggedFields, read_tagged
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.tasks.answers import Answering
from encodery.tasks.classification import TextClassification
from encodery.tasks.distill import Distillable, Interleaved, TaskDistillConfig, Taught, order_of
from encodery.tasks.multiple_choice import MultipleChoice
from encodery.tasks.problems import ManyLabels, Number, OneLabel
from encodery.tasks.question_answering import Answers, QuestionAnswering
from encodery.tasks.tags import iob2
from encodery.tasks.token_classification import EntityTags, TokenClassification
from encodery.tasks.windows import Reading
from tests.tasks.conftest import CONFIG, LABELS, make_tokenizer

READING = Reading(max_seqlen=11)
TOKENIZER = make_tokenizer()
TEXTS = ["the happy river sees a city", "a dull baker", "not a very bright farmer or the river", "broken city"]
TEMPERATURE = 2.5
CONFIGURED = TaskDistillConfig(alpha_ce=0.7, alpha_task=0.3, temperature=TEMPERATURE)


def random_model(head: str, num_labels: int, seed: int) -> Model:
    model = Model(CONFIG, (head,), num_labels)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.5, generator=generator)
        model.get_submodule(f"heads.{head}.out").get_parameter("weight").mul_(5)  # so that tokens differ
    return model.eval()


def batch_of(task: Any, examples: Many[Any]) -> Batch:
    return pack([sequence for example in examples for sequence in task.encode(example).sequences])


def classification(problem: Any, labels: Many[Any]) -> tuple[Any, Batch]:
    task = TextClassification(TOKENIZER, problem, READING)
    pairs = zip(TEXTS, labels, strict=True)
    return task, batch_of(task, [Example(text, None, label, f"line {label}") for text, label in pairs])


def entities() -> tuple[Any, Batch]:
    task = TokenClassification(TOKENIZER, EntityTags(iob2(("PLACE",))), READING)
    records = [{"text": text, "entities": [{"start": 0, "end": 3, "label": "PLACE"}]} for text in TEXTS]
    return task, batch_of(task, [read_tagged("line", record, TaggedFields()) for record in records])


def answers() -> tuple[Any, Batch]:
    task = QuestionAnswering(TOKENIZER, Answers(Answering()), READING)
    records = [
        {"question": "the city", "context": text, "answers": {"text": [text[:3].strip()], "answer_start": [0]}}
        for text in TEXTS
    ]
    return task, batch_of(task, [read_question("line", record, QuestionFields()) for record in records])


def divergence(said: Tensor, wanted: Tensor) -> Tensor:
    """One decision, all its outcomes there."""
    return TEMPERATURE**2 * F.kl_div(
        F.log_softmax(said / TEMPERATURE, -1), F.softmax(wanted / TEMPERATURE, -1), reduction="sum"
    )


def check(task: Any, batch: Batch, head: str, num_labels: int, by_hand: Any, decisions: int) -> None:
    """`by_hand(said, wanted)` is the divergence of both models' logits, summed."""
    is_distillable: bool = isinstance(task, Distillable)
    assert is_distillable
    student, teacher = random_model(head, num_labels, 1), random_model(head, num_labels, 2)
    taught = Taught(task, teacher, None, CONFIGURED)
    said, wanted = task.forward(student, batch), task.forward(teacher, batch)
    soft = by_hand(said, wanted)
    (hard,) = task.loss(student, batch).losses.values()
    output = taught.loss(student, batch)
    (name,) = task.counts(batch)
    assert taught.counts(batch) == {**task.counts(batch), "soft": decisions}
    torch.testing.assert_close(output.losses["soft"], 0.7 * soft, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.losses[name], 0.3 * hard)
    assert output.metrics["soft_loss"] == pytest.approx((soft.item(), decisions), rel=1e-4)
    output.losses["soft"].backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert all(parameter.grad is None for parameter in teacher.parameters())
    parts = [taught.loss(student, part) for part in batch.split(9)]
    assert len(parts) > 1
    assert sum(part.losses["soft"].item() for part in parts) == pytest.approx(0.7 * soft.item(), rel=1e-4)
    same = Taught(task, random_model(head, num_labels, 1), None, CONFIGURED).loss(student, batch)
    assert abs(same.losses["soft"].item()) < 1e-3


def test_the_class_of_a_text() -> None:
    check(*classification(OneLabel(LABELS), ["bad", "good", "neither", "bad"]), "sequence", 3, divergence, 4)


def test_each_of_several_classes() -> None:
    def by_hand(said: Tensor, wanted: Tensor) -> Tensor:
        ours, theirs = (torch.sigmoid(logits.double() / TEMPERATURE) for logits in (said, wanted))
        each = theirs * (theirs / ours).log() + (1 - theirs) * ((1 - theirs) / (1 - ours)).log()
        return TEMPERATURE**2 * each.sum().float()

    check(*classification(ManyLabels(LABELS), [("bad",), (), ("good", "bad"), ()]), "sequence", 3, by_hand, 12)


def test_the_tag_of_a_token() -> None:
    task, batch = entities()
    assert batch.label_index is not None
    index = batch.label_index
    assert len(index) < batch.num_tokens
    check(task, batch, "token", 3, lambda said, wanted: divergence(said[index], wanted[index]), len(index))


def test_the_first_and_the_last_token_of_an_answer() -> None:
    task, batch = answers()
    bounds = batch.cu_seqlens.tolist()

    def by_hand(said: Tensor, wanted: Tensor) -> Tensor:
        rows = [(said[a:b, side], wanted[a:b, side]) for a, b in pairwise(bounds) for side in (0, 1)]
        return torch.stack([divergence(*row) for row in rows]).sum()

    assert len({b - a for a, b in pairwise(bounds)}) > 1  # some are padded
    check(task, batch, "span", 2, by_hand, 2 * batch.num_sequences)


def test_the_teachers_labels_are_put_in_order() -> None:
    task, batch = classification(OneLabel(LABELS), ["bad", "good", "neither", "bad"])
    student, teacher = random_model("sequence", 3, 1), random_model("sequence", 3, 2)
    order = order_of(LABELS, ("neither", "bad", "good"), "teacher")
    assert order == [1, 2, 0]
    found = Taught(task, teacher, order, CONFIGURED).loss(student, batch).losses["soft"]
    said, wanted = task.forward(student, batch), task.forward(teacher, batch)
    torch.testing.assert_close(found, 0.7 * divergence(said, wanted[:, [1, 2, 0]]), rtol=1e-4, atol=1e-5)
    assert order_of(LABELS, LABELS, "teacher") is None
    assert order_of((), ("LABEL_0", "LABEL_1"), "teacher") is None


def test_other_labels() -> None:
    with pytest.raises(UserError) as error:
        order_of(("bad", "good"), ("good", "great", "a", "b", "c", "d"), "finetune.x.teacher = 'y'")
    assert str(error.value) == (
        "finetune.x.teacher = 'y': the teacher's labels are not those of the training data: the data alone have "
        "'bad'; the teacher alone has 'a', 'b', 'c', 'd', ...; a teacher of the same labels is allowed, or list them "
        "in task.labels"
    )


def test_without_labels_the_teacher_alone_teaches() -> None:
    for task, head, labels, examples, decisions in (
        (
            classification(OneLabel(LABELS), (*LABELS, "bad"))[0],
            "sequence",
            3,
            [Example(t, None, None, "line") for t in TEXTS],
            4,
        ),
        (entities()[0], "token", 3, [TaggedExample(t, None, None, "line") for t in TEXTS], 19),
        (
            answers()[0],
            "span",
            2,
            [input_question("line", {"question": "the city", "context": t}) for t in TEXTS],
            10,
        ),
    ):
        batch = batch_of(task, examples)
        taught = Taught(task, random_model(head, labels, 2), None, CONFIGURED)
        assert taught.counts(batch) == {"soft": decisions}
        output = taught.loss(random_model(head, labels, 1), batch)
        assert output.losses.keys() == {"soft"}
        assert output.metrics.keys() == {"soft_loss"}


def test_labels_that_weigh_nothing_are_not_read() -> None:
    task, batch = classification(OneLabel(LABELS), ["bad", "good", "neither", "bad"])
    taught = Taught(task, random_model("sequence", 3, 2), None, TaskDistillConfig(alpha_task=0.0))
    assert taught.counts(batch) == {"soft": 4}
    assert taught.loss(random_model("sequence", 3, 1), batch).losses.keys() == {"soft"}


def test_a_number_is_no_decision() -> None:
    task, batch = classification(Number(("LABEL_0",)), [1.0, 2.0, 3.0, 4.0])
    assert not len(task.decisions(torch.zeros(4, 1), batch))
    assert not isinstance(MultipleChoice(TOKENIZER, READING), Distillable)


def test_a_taught_student_is_nearer_to_its_teacher_on_held_out_text() -> None:
    """Two students that differ in the loss alone, over the same steps; the labels are the teacher's best."""
    problem = OneLabel(LABELS)
    task = TextClassification(TOKENIZER, problem, READING)
    teacher = random_model("sequence", 3, 2)
    words = [token for token in TOKENIZER.kind.vocabulary if token[0] != "["]
    texts = [" ".join(words[(7 * i + j * (i % 5 + 1)) % len(words)] for j in range(3 + i % 5)) for i in range(53)]

    def labelled(text: str) -> Example:
        logits = task.forward(teacher, batch_of(task, [Example(text, None, None, "line")]))
        return Example(text, None, LABELS[int(logits.argmax())], "line")

    examples = [labelled(text) for text in texts]
    train, held_out = examples[:41], batch_of(task, examples[41:])
    taught = Taught(task, teacher, None, TaskDistillConfig())
    sequences = [sequence for example in train for sequence in task.encode(example).sequences]
    batches = Epochs(sequences, 61, 7, 3)

    def divergence_after(loss: Any) -> float:
        torch.manual_seed(5)
        student = Model(CONFIG, ("sequence",), 3)
        student.initialize(5)
        optimizer = torch.optim.AdamW(student.parameters(), lr=3e-3)
        for step in range(len(batches)):
            batch = batches(step)
            counts = loss.counts(batch)
            sum(part / counts[name] for name, part in loss.loss(student, batch).losses.items()).backward()
            optimizer.step()
            optimizer.zero_grad()
        total, count = taught.loss(student.eval(), held_out).metrics["soft_loss"]
        return total / count

    assert divergence_after(taught) < 0.7 * divergence_after(task)


@pytest.mark.parametrize("sizes", [(7, 3), (3, 7), (1, 11), (5, 5)])
def test_two_sources_are_read_evenly(sizes: tuple[int, int]) -> None:
    first, second = (
        Epochs([Sequence([mark, number]) for number in range(size)], 2, 1, 3) for mark, size in enumerate(sizes)
    )
    both = Interleaved(first, second)
    found = [both(step).input_ids.tolist() for step in range(len(both))]
    for mark, source in enumerate((first, second)):
        assert [ids for ids in found if ids[0] == mark] == [source(n).input_ids.tolist() for n in range(len(source))]
    half = [mark for mark, _ in found[: len(found) // 2]].count(0)
    assert abs(half - sizes[0] / 2) <= 1
