"""The calls that an engine would get, as the engine itself makes them."""

from collections.abc import Sequence as Many
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from encodery.batch import Batch, Sequence
from encodery.deploy.recording import batches, head_of, num_outputs, record_calls
from encodery.errors import UserError
from encodery.families import FAMILIES
from encodery.model.forward import Forward
from encodery.tasks.classification import TextClassification
from encodery.tasks.embedding import FeatureExtraction
from encodery.tasks.fill_mask import FillMask
from encodery.tasks.pooling import Pooling
from encodery.tasks.problems import OneLabel
from encodery.tasks.task import Task
from encodery.tasks.windows import Reading
from tests.deploy.conftest import make_batch, make_model, tables_of
from tests.tasks.conftest import make_tokenizer

READING = Reading(max_seqlen=11)


class Reads(FillMask):
    """A task that asks for the logits of a head, for all or for some rows."""

    name = "test"

    def __init__(self, head: str | None) -> None:
        super().__init__(make_tokenizer(), READING)
        self.head = head

    def outputs(self, model: Forward, batch: Batch) -> list[Any]:
        if self.head is None:
            return list(model.hidden(batch))
        rows = batch.cu_seqlens[1:] - 1 if self.head == "mlm" else None
        return list(model.logits(self.head, batch, rows))


def sequences(batch: Batch) -> list[Sequence]:
    bounds = batch.cu_seqlens.tolist()
    return [
        Sequence(batch.input_ids[start:stop].tolist(), language_ids=languages(batch, start, stop))
        for start, stop in pairwise(bounds)
    ]


def languages(batch: Batch, start: int, stop: int) -> Many[int] | None:
    return None if batch.language_ids is None else batch.language_ids[start:stop].tolist()


@pytest.mark.parametrize(("family", "head"), [("bert", "sequence"), ("xlm", "token"), ("roberta", "mlm")])
def test_calls_hold_the_embeddings_of_every_token_once(family: str, head: str) -> None:
    model = make_model(FAMILIES[family], head)
    given = sequences(make_batch(model))
    calls = record_calls(Reads(head), model, head, given, tables_of(model))
    lengths = [(call["sequence_ids"] >= 0).sum() for call in calls]
    assert sum(lengths) == sum(len(sequence.input_ids) for sequence in given)
    (batch,) = batches(given)
    expected = np.empty((batch.num_tokens, model.config.hidden_size), np.float32)
    tables_of(model).add_up(batch, expected)
    found = np.concatenate([call["embedded"][call["sequence_ids"] >= 0] for call in calls])
    np.testing.assert_array_equal(np.sort(found.sum(1)), np.sort(expected.sum(1)))
    assert ("rows" in calls[0]) == (head != "token")


def test_calls_are_copies() -> None:
    """An engine writes its inputs in place."""
    model = make_model(FAMILIES["bert"], "sequence")
    given = sequences(make_batch(model))
    once = record_calls(Reads("sequence"), model, "sequence", given[:2], tables_of(model))
    twice = record_calls(Reads("sequence"), model, "sequence", [*given[:2], *given[3:] * 30], tables_of(model))
    assert len(twice) > len(once)
    assert len({call["embedded"].tobytes() for call in twice}) > 1


def test_texts_with_a_language_are_apart_from_those_without() -> None:
    plain, spoken = Sequence([2, 5, 3]), Sequence([2, 7, 3], language_ids=[1, 1, 1])
    labelled = Sequence([2, 5, 3], label=1, token_labels=[-100, 1, -100])
    found = batches([plain, spoken, labelled], together=2)
    assert all(batch.sequence_labels is None and batch.label_index is None for batch in found)
    assert [batch.num_sequences for batch in found] == [2, 1]
    assert [batch.language_ids is None for batch in found] == [True, False]


def test_the_head_is_the_one_that_a_task_asks_for() -> None:
    tokenizer = make_tokenizer()
    tasks: dict[str | None, Task] = {
        "sequence": TextClassification(tokenizer, OneLabel(("a", "b")), READING),
        "mlm": FillMask(tokenizer, READING),
        None: FeatureExtraction(tokenizer, Pooling(), READING),
    }
    assert {head: head_of(task) for head, task in tasks.items()} == {head: head for head in tasks}


def test_a_task_that_asks_for_nothing_cannot_be_exported() -> None:
    class Silent(Reads):
        def outputs(self, model: Forward, batch: Batch) -> list[Any]:
            return [None] * batch.num_sequences

    with pytest.raises(UserError, match="the task test cannot be exported; `encodery predict` computes it from"):
        head_of(Silent(None))


@pytest.mark.parametrize("head", ["sequence", "token", "mlm", "span", "choice", None])
def test_how_many_numbers_a_head_gives(head: str | None) -> None:
    model = make_model(FAMILIES["bert"], head)
    batch = make_batch(model, (5,))
    with torch.no_grad():
        values = model.hidden(batch) if head is None else model.logits(head, batch)
    assert num_outputs(model, head) == values.shape[1]
