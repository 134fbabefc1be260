"""Two engines over the same text: what is equal passes, and whatever is not is found and said."""

from collections.abc import Sequence as Many
from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from encodery.batch import Batch, Sequence
from encodery.deploy.torch_engine import TorchEngine
from encodery.deploy.verify import EXTREMES, Parity, chosen, compare, complaint, extreme_examples
from encodery.errors import UserError
from encodery.model.heads import Model
from encodery.tasks.classification import TextClassification
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.problems import OneLabel
from encodery.tasks.windows import Reading
from tests.tasks.conftest import LABELS, make_model, make_tokenizer
from tests.tasks.questions import make_task as make_questions

GOOD = Parity(211, 1e-6, 1e-6, 1.0, 1.0, 0.0)


class Changed:
    """An engine whose numbers are changed."""

    def __init__(self, model: Model, noise: float = 0.0, leak: float = 0.0, broken: float = 0.0) -> None:
        self.engine = TorchEngine(model)
        self.noise, self.leak, self.broken = noise, leak, broken

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        return self._changed(self.engine.hidden(batch, rows))

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        return self._changed(self.engine.logits(head, batch, rows))

    def _changed(self, values: Tensor) -> Tensor:
        drawn = torch.randn(values.shape, generator=torch.Generator().manual_seed(3))
        values = values + self.noise * drawn + self.leak * values.mean(0)
        return values / 0.0 if self.broken else values


class HeadInput:
    """What the head reads in the place of what it says."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def hidden(self, batch: Batch, rows: Int[Tensor, " rows"] | None = None) -> Float[Tensor, "rows hidden"]:
        raise AssertionError("asked for logits")

    def logits(
        self, head: str, batch: Batch, rows: Int[Tensor, " rows"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        with torch.no_grad():
            return self.model.hidden(batch, batch.first_tokens)


@pytest.fixture
def task() -> TextClassification:
    return TextClassification(make_tokenizer(), OneLabel(LABELS), Reading(max_seqlen=11))


@pytest.fixture
def model() -> Model:
    return make_model(len(LABELS))


def windows(task: TextClassification) -> list[Sequence]:
    examples = extreme_examples(task, lambda record: task.read("extreme", record, None))
    return [sequence for example in examples for sequence in task.encode(example).sequences]


def compared(task: TextClassification, model: Model, candidate: Changed, together: int = 64) -> Parity:
    engine = TorchEngine(model)
    return compare(task, model, "sequence", engine, candidate, HeadInput(model), windows(task), together)


def test_extremes_are_read_by_every_task(task: TextClassification) -> None:
    assert len(extreme_examples(task, lambda record: task.read("x", record, None))) == len(EXTREMES)
    lengths = [len(sequence.input_ids) for sequence in windows(task)]
    assert min(lengths) == 2  # an empty text
    assert max(lengths) == 11
    masked = FillMask(make_tokenizer(), Reading(max_seqlen=29))
    assert len(extreme_examples(masked, lambda record: masked.read("x", record, None))) > len(EXTREMES) / 2


def test_what_a_task_refuses_is_left_out(task: TextClassification) -> None:
    strict = TextClassification(make_tokenizer(), OneLabel(LABELS), Reading(max_seqlen=11, on_overflow="error"))
    short = extreme_examples(strict, lambda record: strict.read("x", record, None))
    assert 0 < len(short) < len(EXTREMES)

    def refuse(record: dict[str, str]) -> None:
        raise UserError("x: no")

    assert extreme_examples(task, refuse) == []


def test_questions_have_extremes_too() -> None:
    task = make_questions(make_tokenizer())
    assert extreme_examples(task, lambda record: task.read("x", record, None))


def test_a_model_is_as_itself(task: TextClassification, model: Model) -> None:
    parity = compared(task, model, Changed(model))
    assert parity.sequences == len(windows(task))
    assert parity.largest_difference < 1e-4
    assert parity.cosine == pytest.approx(1.0, abs=1e-6)
    assert parity.packed_difference < 1e-5
    assert complaint(parity, "fp32") is None


def test_noise_is_found(task: TextClassification, model: Model) -> None:
    parity = compared(task, model, Changed(model, noise=0.01))
    found = complaint(parity, "fp32")
    assert found is not None
    assert found.startswith("a number differs by 0.0")
    assert found.endswith(", at most 0.0001 is allowed in fp32")


def test_what_leaks_between_texts_is_found(task: TextClassification, model: Model) -> None:
    """As a mask would that hides too little."""
    parity = compared(task, model, Changed(model, leak=0.3))
    assert parity.packed_difference > 0.05


def test_numbers_that_are_none_are_found(task: TextClassification, model: Model) -> None:
    for dtype in ("fp32", "bf16", "int8"):
        with np.errstate(all="ignore"):
            parity = compared(task, model, Changed(model, broken=1.0))
        assert complaint(parity, dtype) == "some numbers that the exported graph gives are not finite"


@pytest.mark.parametrize(
    ("changes", "dtype", "expected"),
    [
        ({}, "int8", None),
        ({"largest_difference": 2.0, "relative_error": 0.1}, "int8", None),
        ({"largest_difference": 2e-4}, "fp32", "a number differs by 0.0002, at most 0.0001 is allowed in fp32"),
        (
            {"cosine": 0.99894},
            "int8",
            "the mean cosine of the hidden states is 0.99894, at least 0.999 is needed",
        ),
        ({"cosine": 0.9}, "bf16", "the mean cosine of the hidden states is 0.90000, at least 0.999 is needed"),
        ({"relative_error": 0.06}, "bf16", "the numbers differ by 6.0% of their size, at most 5% is allowed"),
        ({"relative_error": 0.2}, "int8", "the numbers differ by 20.0% of their size, at most 15% is allowed"),
        ({"cosine": float("nan")}, "int8", "some numbers that the exported graph gives are not finite"),
    ],
)
def test_bounds_by_dtype(changes: dict[str, float], dtype: str, expected: str | None) -> None:
    assert complaint(replace(GOOD, **changes), dtype) == expected  # type: ignore[arg-type]


def test_texts_are_drawn_by_a_fixed_seed() -> None:
    examples: Many[int] = range(1000)
    assert chosen(examples) == chosen(examples)
    assert len({*chosen(examples)}) == 256
    assert sorted(chosen(examples, 2000)) == [*examples]
    assert chosen([]) == []
