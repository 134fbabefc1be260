"""Words that are read and scored: one gradient, the same as that of autograd, and no table made beside it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from encodery.model.heads import Model
from encodery.model.tied_words import TiedWords
from tests.model.conftest import TINY, make_batch, make_model

Score = Callable[[Tensor], Tensor]


MAKING = (torch.ops.aten.zeros, torch.ops.aten.new_zeros, torch.ops.aten.add, torch.ops.aten.embedding_dense_backward)


class Tables(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the tables of this shape that are filled with zeros or made for a sum."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.shape, self.count = shape, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.count += func.overloadpacket in MAKING and tuple(result.shape) == self.shape
        return result


def words_of(model: Model) -> Tensor:
    return model.encoder.embeddings.word.weight


def loss_of(model: Model, scored: tuple[int, ...]) -> Tensor:
    """Of a few tokens by the head, and of one by its vector alone."""
    batch = make_batch(TINY)
    hidden = model.encoder(batch, torch.tensor([*scored, 2]))
    labels = batch.input_ids[torch.tensor(scored, dtype=torch.int64)]
    loss, _ = model.heads["mlm"].loss(hidden[:-1], labels)  # type: ignore[operator]
    return loss + hidden.square().sum()  # type: ignore[no-any-return]


@pytest.mark.parametrize("scored", [(0, 7, 30), (), (5, 5)])
def test_the_gradient_is_that_of_autograd_without_a_table_of_its_own(scored: tuple[int, ...]) -> None:
    model = make_model(heads=["mlm"]).double()
    words = words_of(model)
    gradients, tables = [], []
    tied = model.encoder.embeddings.tied
    for way in (None, tied):
        model.encoder.embeddings.tied = way
        loss = loss_of(model, scored)
        with Tables(tuple(words.shape)) as made:
            loss.backward()  # type: ignore[no-untyped-call]
        assert words.grad is not None
        tables.append(made.count)
        gradients.append(words.grad)
        model.zero_grad()
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-12, rtol=1e-12)
    assert tables == [2, 0]


def test_two_losses_of_one_reading_and_two_readings_of_one_table_add_up() -> None:
    model = make_model(heads=["mlm"]).double()
    words = words_of(model)
    (loss_of(model, (0, 7)) + loss_of(model, (3,))).backward()  # type: ignore[no-untyped-call]
    together = words.grad
    model.zero_grad()
    for scored in ((0, 7), (3,)):
        loss_of(model, scored).backward()  # type: ignore[no-untyped-call]
    assert together is not None
    assert words.grad is not None
    torch.testing.assert_close(words.grad, together, atol=1e-12, rtol=1e-12)

    model.zero_grad()
    batch = make_batch(TINY)
    hidden = model.encoder(batch)
    for _ in range(2):  # the second takes the parameter itself: what was read is handed over once
        model.heads["mlm"].loss(hidden[:3], batch.input_ids[:3])[0].backward(retain_graph=True)  # type: ignore[operator]
    twice = words.grad
    model.zero_grad()
    (2 * model.heads["mlm"].loss(model.encoder(batch)[:3], batch.input_ids[:3])[0]).backward()  # type: ignore[operator]
    torch.testing.assert_close(words.grad, twice, atol=1e-12, rtol=1e-12)


def test_what_is_read_is_trained_where_the_head_is_not_used() -> None:
    model = make_model(heads=["mlm", "token"], num_labels=5).double()
    plain = make_model(heads=["token"], num_labels=5).double()
    plain.load_state_dict({name: model.state_dict()[name] for name in plain.state_dict()})
    gradients = []
    for each in (model, plain):
        each.logits("token", make_batch(TINY)).square().sum().backward()  # type: ignore[no-untyped-call]
        gradients.append(words_of(each).grad)
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=1e-12)


def test_what_is_scored_alone_reaches_the_table() -> None:
    table = torch.nn.Parameter(torch.randn(7, 3))
    tied = TiedWords()
    tied.read(table, torch.tensor([2, 5]))
    F.linear(torch.ones(2, 3), tied.take(table)).sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(table.grad, torch.full((7, 3), 2.0))  # type: ignore[arg-type]


def test_nothing_waits_after_an_evaluation_nor_in_a_copy() -> None:
    model = make_model(heads=["mlm"])
    words, tied = words_of(model), model.encoder.embeddings.tied
    assert tied is not None
    model.encoder(make_batch(TINY))
    twin = copy.deepcopy(model)
    copied: Any = twin.encoder.embeddings.tied
    assert copied.take(words) is words
    assert copied is twin.heads["mlm"].tied
    with torch.no_grad():
        model.encoder(make_batch(TINY))
    assert tied.take(words) is words
