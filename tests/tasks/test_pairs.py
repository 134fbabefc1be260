"""Pairs through windows and packing: a loss sees the vectors that prediction gives."""

from typing import Any

import pytest
import torch

from encodery.batch import Batch, pack
from encodery.data.epochs import Epochs
from encodery.data.examples import Example
from encodery.tasks.embedding import FeatureExtraction
from encodery.tasks.pairs import EncodedPair, pairs_of
from encodery.tasks.pooling import Pooling
from encodery.tasks.similarity import CoSENT
from encodery.tasks.windows import Reading
from encodery.text.tokenizer import Tokenizer
from tests.tasks.conftest import make_model

LONG = "happy farmer sees a river and a city " * 3
TEXTS = [
    ("the river", "a very dull city", 2.0),
    (LONG, "happy", 5.0),
    ("The  River", LONG, 1.0),  # as the first one, to this tokenizer
    ("not happy", "not happy", 3.0),
]


def make_task(tokenizer: Tokenizer, mode: Any = "mean") -> FeatureExtraction:
    return FeatureExtraction(tokenizer, Pooling(mode=mode, normalize=True), Reading(max_seqlen=11))


def encoded_pairs(task: FeatureExtraction) -> list[EncodedPair]:
    found = [task.encode(Example(first, second, number, "x:1")) for first, second, number in TEXTS]
    assert all(isinstance(item, EncodedPair) for item in found)
    return [item for item in found if isinstance(item, EncodedPair)]


def batch_of(encoded: list[EncodedPair]) -> Batch:
    return pack([sequence for item in encoded for sequence in item.sequences])


def test_a_pair_is_one_example_of_all_its_windows(tokenizer: Tokenizer) -> None:
    _, long, *_ = encoded_pairs(make_task(tokenizer))
    assert len(long.first.windows) > 2
    assert len(long.second.windows) == 1
    assert [sequence.continues for sequence in long.sequences] == [False] + [True] * len(long.first.windows)
    labels: list[Any] = [sequence.label for sequence in long.sequences]
    assert [label[0] for label in labels] == [0.0] * len(long.first.windows) + [1.0]
    assert sum(label[1] for label in labels[:-1]) == pytest.approx(1.0)
    assert labels[-1] == (1.0, 1.0, 5.0)


@pytest.mark.parametrize("mode", ["mean", "cls"])
@torch.no_grad()
def test_training_sees_the_vectors_of_prediction(tokenizer: Tokenizer, mode: Any) -> None:
    task, model = make_task(tokenizer, mode), make_model(2)
    encoded = encoded_pairs(task)
    batch = batch_of(encoded)
    pairs = pairs_of(batch, task.forward(model, batch))
    assert pairs.numbers.tolist() == [2.0, 5.0, 1.0, 3.0]
    for row, item in enumerate(encoded):
        for text, found in ((item.first, pairs.first[row]), (item.second, pairs.second[row])):
            alone = task.outputs(model, pack(text.sequences))
            torch.testing.assert_close(found, task.vector(text, alone), atol=1e-5, rtol=0)


def test_texts_that_the_model_cannot_tell_apart_have_one_number(tokenizer: Tokenizer) -> None:
    task, model = make_task(tokenizer), make_model(2)
    batch = batch_of(encoded_pairs(task))
    ids = pairs_of(batch, task.forward(model, batch)).text_ids.tolist()
    (river, city), (long, happy), (same_river, same_long), (mood, same_mood) = ids
    assert (river, long, mood) == (same_river, same_long, same_mood)
    assert len({river, city, long, happy, mood}) == 5


def test_the_loss_of_a_step_does_not_depend_on_pieces(tokenizer: Tokenizer) -> None:
    """A step within its budget is one piece, whatever order its pairs have."""
    task, model = make_task(tokenizer), make_model(2).eval()
    task.pair_loss = CoSENT()
    encoded = encoded_pairs(task)
    (whole,) = Epochs([s for item in encoded for s in item.sequences], 509, 1, seed=5)(0).split(509)
    turned = batch_of(encoded[::-1])
    first, second = (task.loss(model, batch).losses["similarity"].item() for batch in (whole, turned))
    assert first == pytest.approx(second, rel=1e-5)
    assert task.counts(whole) == {"similarity": 1.0}


def test_a_pair_that_nobody_judged_has_no_number(tokenizer: Tokenizer) -> None:
    item = make_task(tokenizer).encode(Example("happy", "dull", None, "x:1"))
    model = make_model(2)
    batch = pack(item.sequences)
    assert pairs_of(batch, make_task(tokenizer).forward(model, batch)).numbers.isnan().tolist() == [True]
