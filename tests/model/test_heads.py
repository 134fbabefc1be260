"""Heads, pooler and the model that holds them: losses and gradients as `transformers` computes them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from encodery.batch import IGNORE_INDEX, Batch
from encodery.model.config import EncoderConfig
from encodery.model.heads import HeadShape, Model, mean_of_sequences
from tests.model.conftest import TINY, assert_same_gradients, make_batch, make_model, to_theirs

Padded = Callable[[Batch], dict[str, Tensor]]


def scored_batch(lengths: tuple[int, ...] = (5, 1, 29, 13, 2)) -> Batch:
    """Seven scored tokens, one of them the first and one the last."""
    batch = make_batch(TINY, lengths)
    last = batch.num_tokens - 1
    index = torch.tensor([0, 3, 6, 17, 18, 31, last])
    labels = torch.randint(TINY.vocab_size, (7,), generator=torch.Generator().manual_seed(13))
    return replace(batch, label_index=index, labels=labels)


def scored(batch: Batch, hidden: Tensor) -> tuple[Tensor, Tensor]:
    assert batch.label_index is not None
    assert batch.labels is not None
    return hidden.index_select(0, batch.label_index), batch.labels


def dense_labels(batch: Batch) -> Tensor:
    """Labels as `transformers` takes them: padded, everything else ignored."""
    assert batch.label_index is not None
    assert batch.labels is not None
    everywhere = torch.full((batch.num_tokens,), IGNORE_INDEX)
    everywhere[batch.label_index] = batch.labels
    mask = batch.dense(0)["attention_mask"].bool()
    return torch.full(mask.shape, IGNORE_INDEX).masked_scatter(mask, everywhere)


def test_pretraining_loss_and_gradients_equal_those_of_transformers(padded: Padded) -> None:
    model = make_model(heads=("mlm", "nsp"))
    theirs = to_theirs(model)
    batch = scored_batch()
    sentence_labels = torch.tensor([1, 0, 0, 1, 1])
    hidden = model.encoder(batch)
    rows, labels = scored(batch, hidden)
    mlm, hits = model.heads["mlm"].loss(rows, labels)  # type: ignore[operator]
    nsp = F.cross_entropy(model.heads["nsp"](model.pool(hidden[batch.first_tokens])), sentence_labels)
    loss = mlm / 7 + nsp
    expected = theirs(**padded(batch), labels=dense_labels(batch), next_sentence_label=sentence_labels)
    torch.testing.assert_close(loss, expected.loss, atol=1e-5, rtol=1e-5)
    mask = dense_labels(batch) != IGNORE_INDEX
    guesses = expected.prediction_logits[mask].argmax(-1)
    assert int(hits) == int((guesses == dense_labels(batch)[mask]).sum())
    loss.backward()
    expected.loss.backward()
    assert_same_gradients(model, theirs)


@pytest.mark.parametrize("heads", [("mlm",), ("nsp",), ("mlm", "nsp"), ("sequence",)], ids="+".join)
@torch.no_grad()
def test_logits_equal_those_of_transformers(heads: tuple[str, ...], padded: Padded) -> None:
    model = make_model(heads=heads, num_labels=3)
    batch = make_batch(TINY)
    inputs = padded(batch)
    output = to_theirs(model)(**inputs)
    hidden = model.encoder(batch)
    if "mlm" in heads:
        logits = output.prediction_logits if "nsp" in heads else output.logits
        found = model.heads["mlm"](hidden)
        torch.testing.assert_close(found, logits[inputs["attention_mask"].bool()], atol=1e-5, rtol=1e-5)
    if "nsp" in heads:
        logits = output.seq_relationship_logits if "mlm" in heads else output.logits
        torch.testing.assert_close(
            model.heads["nsp"](model.pool(hidden[batch.first_tokens])), logits, atol=1e-5, rtol=1e-5
        )
    if "sequence" in heads:
        found = model.heads["sequence"](model.pool(hidden[batch.first_tokens]))
        torch.testing.assert_close(found, output.logits, atol=1e-5, rtol=1e-5)


def test_hits_are_counted_among_the_scored_tokens() -> None:
    model = make_model(heads=("mlm",))
    batch = scored_batch()
    with torch.no_grad():
        rows, _ = scored(batch, model.encoder(batch))
        guesses = model.heads["mlm"](rows).argmax(-1)
        wrong = (guesses + 1) % TINY.vocab_size
        for expected in (0, 3, 7):
            labels = torch.cat([guesses[:expected], wrong[expected:]])
            loss, hits = model.heads["mlm"].loss(rows, labels)  # type: ignore[operator]
            assert int(hits) == expected
            logits = model.heads["mlm"](rows)
            torch.testing.assert_close(loss, F.cross_entropy(logits, labels, reduction="sum"), atol=1e-5, rtol=1e-5)


class LargestTensor(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the size of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, tuple | list) else (out,):
            if isinstance(value, Tensor):
                self.elements = max(self.elements, value.numel())
        return out


def test_vocabulary_logits_exist_at_scored_positions_only() -> None:
    config = TINY.model_copy(update={"vocab_size": 4099})
    model = make_model(config, heads=("mlm",))
    batch = replace(make_batch(config, (29,) * 11), label_index=torch.tensor([3, 7]), labels=torch.tensor([5, 11]))
    table = config.vocab_size * config.hidden_size
    with LargestTensor() as largest:  # type: ignore[no-untyped-call]
        loss, _ = model.heads["mlm"].loss(*scored(batch, model.encoder(batch)))  # type: ignore[operator]
        loss.backward()
    assert table <= largest.elements < 2 * table  # the gradient of the word table
    assert largest.elements < batch.num_tokens * config.vocab_size / 4


def test_no_scored_token_is_no_loss() -> None:
    model = make_model(heads=("mlm",))
    nothing = torch.zeros(0, TINY.hidden_size), torch.zeros(0, dtype=torch.int64)
    loss, hits = model.heads["mlm"].loss(*nothing)  # type: ignore[operator]
    assert loss.item() == 0.0
    assert int(hits) == 0


def test_loss_sums_add_up_over_any_split() -> None:
    model = make_model(heads=("mlm",))
    batch = scored_batch()

    def loss(part: Batch) -> Tensor:
        total, _ = model.heads["mlm"].loss(*scored(part, model.encoder(part)))  # type: ignore[operator]
        assert isinstance(total, Tensor)
        return total

    whole = loss(batch)
    for budget in (1, 7, 19):
        torch.testing.assert_close(sum(loss(part) for part in batch.split(budget)), whole, atol=1e-5, rtol=1e-5)


def test_the_decoder_is_the_word_table() -> None:
    model = Model(TINY, ("mlm",))
    shapes = [tuple(parameter.shape) for parameter in model.parameters()]
    assert shapes.count((TINY.vocab_size, TINY.hidden_size)) == 1


def test_heads_that_need_the_pooler_get_one() -> None:
    assert Model(TINY, ()).pooler is None
    assert Model(TINY, ("mlm",)).pooler is None
    assert Model(TINY, ("nsp",)).pooler is not None
    assert Model(TINY, ("sequence",), num_labels=2).pooler is not None
    assert Model(TINY, (), pooler=True).pooler is not None


def test_a_head_that_does_not_exist() -> None:
    with pytest.raises(
        ValueError, match=r"^no head is called 'ner'; there are mlm, nsp, sequence, token, span, choice$"
    ):
        Model(TINY, ("ner",))


@torch.no_grad()
@pytest.mark.parametrize(("head", "rows", "outputs"), [("mlm", 50, 101), ("nsp", 5, 2), ("sequence", 5, 3)])
def test_logits_are_the_head_on_the_rows_that_it_reads(head: str, rows: int, outputs: int) -> None:
    model = make_model(heads=(head,), num_labels=3)
    batch = make_batch(TINY)
    hidden = model.encoder(batch)
    expected = model.heads[head](hidden if rows == 50 else model.pool(hidden[batch.first_tokens]))
    assert expected.shape == (rows, outputs)
    torch.testing.assert_close(model.logits(head, batch), expected, atol=1e-6, rtol=1e-6)


def test_the_model_draws_embeddings_as_wide_as_its_config_says() -> None:
    model = Model(TINY.model_copy(update={"embed_init_std": 0.5}), ("mlm",))
    model.initialize(3)
    assert model.encoder.embeddings.word.weight.std().item() == pytest.approx(0.5, rel=0.1)
    assert model.state_dict()["heads.mlm.dense.weight"].std().item() == pytest.approx(0.02, rel=0.1)


def test_dropout_of_the_classifier_is_on_in_training_alone() -> None:
    model = make_model(TINY.model_copy(update={"hidden_dropout_prob": 0.5}), heads=("sequence",), num_labels=3)
    pooled = torch.ones(11, TINY.hidden_size)
    head = model.heads["sequence"]
    assert torch.equal(head(pooled), head(pooled))
    head.train()
    first, again = (head(pooled) for _ in range(2) if torch.manual_seed(3))
    assert torch.equal(first, again)
    assert not torch.allclose(head(pooled), first)


@pytest.mark.parametrize("heads", [(), ("mlm", "nsp"), ("sequence",)])
def test_fresh_weights_are_a_function_of_the_seed(heads: tuple[str, ...]) -> None:
    def weights(seed: int, order: tuple[str, ...]) -> dict[str, Tensor]:
        torch.manual_seed(len(order))  # the global generator must not matter
        model = Model(TINY, order, num_labels=3)
        model.initialize(seed)
        return model.state_dict()

    first, again, other = weights(3, heads), weights(3, heads[::-1]), weights(5, heads)
    assert all(torch.equal(first[name], again[name]) for name in first)
    matrices = [name for name, tensor in first.items() if tensor.ndim > 1]
    assert not any(torch.equal(first[name], other[name]) for name in matrices)


def test_fresh_weights_have_the_width_of_the_config() -> None:
    model = Model(TINY.model_copy(update={"initializer_range": 0.07}), ("mlm", "nsp"))
    model.initialize(3)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            assert parameter.std().item() == pytest.approx(0.07, rel=0.3), name
        else:
            assert set(parameter.tolist()) == {1.0 if "norm.weight" in name else 0.0}, name


@pytest.mark.parametrize(("pooler", "layers"), [(False, 0), (True, 0), (False, 1), (True, 2), (False, 3)])
def test_only_what_is_named_is_drawn_anew(pooler: bool, layers: int) -> None:
    config = EncoderConfig(
        vocab_size=31, hidden_size=14, num_hidden_layers=3, num_attention_heads=2, intermediate_size=19
    )
    model = Model(config, ("sequence",), 2)
    model.initialize(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.reinitialize(pooler, layers, seed=5)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    fresh = tuple(f"encoder.layers.{number}." for number in range(3 - layers, 3)) + (("pooler.",) if pooler else ())
    assert changed == {name for name in before if name.startswith(fresh)}
    assert all(
        value.abs().max() < 0.2
        for name, value in model.state_dict().items()
        if name in changed and "norm" not in name
    )


def test_what_is_not_there_cannot_be_drawn_anew() -> None:
    config = EncoderConfig(
        vocab_size=31, hidden_size=14, num_hidden_layers=3, num_attention_heads=2, intermediate_size=19
    )
    model = Model(config, ("mlm",))
    with pytest.raises(ValueError, match="this model has 3 layers and no pooler"):
        model.reinitialize(True, 0, seed=1)
    with pytest.raises(ValueError, match="this model has 3 layers and no pooler"):
        model.reinitialize(False, 4, seed=1)


def test_the_mean_of_a_sequence_is_over_its_own_tokens() -> None:
    batch = make_batch(TINY, (5, 1, 29))
    hidden = torch.randn(35, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    found = mean_of_sequences(hidden, batch)
    expected = torch.stack([hidden[:5].mean(0), hidden[5], hidden[6:].mean(0)])
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found.sum(), hidden)
    torch.testing.assert_close(gradient[:, 0], torch.tensor([1 / 5] * 5 + [1.0] + [1 / 29] * 29).double())


@torch.no_grad()
def test_pooling_by_the_mean_reads_every_token() -> None:
    shape = {"sequence": HeadShape("labels", dense="hidden", act="classifier_activation", norm=True)}
    batch = make_batch(TINY)
    for pooling in ("cls", "mean"):
        config = TINY.model_copy(update={"classifier_pooling": pooling, "classifier_activation": "relu"})
        model = make_model(config, shape, num_labels=3)  # type: ignore[arg-type]
        hidden = model.encoder(batch)
        pooled = hidden[batch.first_tokens] if pooling == "cls" else mean_of_sequences(hidden, batch)
        head = model.heads["sequence"]
        expected = head.out(head.norm(head.dense(pooled).relu()))  # type: ignore[operator]
        torch.testing.assert_close(model.logits("sequence", batch), expected, atol=1e-6, rtol=1e-6)


def test_a_vocabulary_without_a_bias() -> None:
    model = make_model(TINY.model_copy(update={"decoder_bias": False, "classifier_bias": False}), ("mlm",))
    names = {name for name, _ in model.heads.named_parameters()}
    assert names == {"mlm.dense.weight", "mlm.norm.weight", "mlm.norm.bias", "mlm.decoder.weight"}
    batch = scored_batch()
    rows, labels = scored(batch, model.encoder(batch))
    loss, _ = model.heads["mlm"].loss(rows, labels)  # type: ignore[operator]
    expected = F.cross_entropy(model.heads["mlm"](rows), labels, reduction="sum")
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
    loss.backward()
    assert model.encoder.embeddings.word.weight.grad is not None
