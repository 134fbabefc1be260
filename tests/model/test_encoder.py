"""The packed encoder is BERT: equal to `transformers` on padded batches, forward and backward."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from encodery.batch import Batch
from encodery.model.encoder import Encoder, initialize
from tests.model.conftest import LENGTHS, TINY, assert_same_gradients, make_batch, make_model, randomize, to_theirs

Padded = Callable[[Batch], dict[str, Tensor]]
PRE: dict[str, object] = {"norm": "pre", "embedding_norm": False}
MODERN: dict[str, object] = {
    "hidden_size": 42,
    "norm": "pre",
    "norm_bias": False,
    "attention_bias": False,
    "mlp_bias": False,
    "gated_mlp": True,
    "global_attn_every_n_layers": 2,
    "attention_window": 7,
    "position": "rope",
    "rope_theta": 101.0,
    "local_rope_theta": 7.0,
}
of_every_form = pytest.mark.parametrize("changes", [{}, PRE, MODERN], ids=["post", "pre", "modern"])


def make_encoder(**changes: object) -> Encoder:
    encoder = Encoder(TINY.model_copy(update=changes))
    randomize(encoder)
    return encoder.eval()


@pytest.mark.parametrize("lengths", [LENGTHS, (1,), (29,), (7, 7, 7), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("hidden_act", ["gelu", "gelu_new", "relu"])
def test_hidden_states_equal_those_of_transformers(lengths: Sequence[int], hidden_act: str, padded: Padded) -> None:
    model = make_model(TINY.model_copy(update={"hidden_act": hidden_act}), pooler=True)
    batch = make_batch(TINY, lengths)
    with torch.no_grad():
        ours = model.encoder(batch)
        theirs = to_theirs(model)(**padded(batch))
    mask = padded(batch)["attention_mask"].bool()
    torch.testing.assert_close(ours, theirs.last_hidden_state[mask], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model.pool(ours[batch.first_tokens]), theirs.pooler_output, atol=1e-5, rtol=1e-5)


def test_gradients_equal_those_of_transformers(padded: Padded) -> None:
    model = make_model(pooler=True)
    theirs = to_theirs(model)
    batch = make_batch(TINY)
    weights = torch.randn(batch.num_tokens, TINY.hidden_size, generator=torch.Generator().manual_seed(3))
    hidden = model.encoder(batch)
    ((hidden * weights).sum() + model.pool(hidden[batch.first_tokens]).square().sum()).backward()
    inputs = padded(batch)
    output = theirs(**inputs)
    loss = (output.last_hidden_state[inputs["attention_mask"].bool()] * weights).sum()
    (loss + output.pooler_output.square().sum()).backward()
    assert_same_gradients(model, theirs)


def sequences_of(batch: Batch, hidden: Tensor) -> list[Tensor]:
    return list(torch.split(hidden, batch.seqlens()))


@of_every_form
@torch.no_grad()
def test_the_order_of_sequences_does_not_matter(changes: dict[str, object]) -> None:
    encoder, batch = make_encoder(**changes), make_batch(TINY)
    parts = batch.split(1)
    order = [3, 0, 4, 2, 1]
    lengths = [LENGTHS[index] for index in order]
    fields: dict[str, Any] = {
        name: torch.cat([getattr(parts[index], name) for index in order])
        for name in ("input_ids", "position_ids", "token_type_ids")
    }
    shuffled = replace(batch, cu_seqlens=torch.tensor([0, *lengths]).cumsum(0).int(), **fields)
    expected = sequences_of(batch, encoder(batch))
    for found, index in zip(sequences_of(shuffled, encoder(shuffled)), order, strict=True):
        torch.testing.assert_close(found, expected[index], atol=1e-6, rtol=1e-6)


@of_every_form
@torch.no_grad()
def test_a_sequence_is_the_same_alone_and_in_company(changes: dict[str, object]) -> None:
    encoder, batch = make_encoder(**changes), make_batch(TINY)
    together = sequences_of(batch, encoder(batch))
    for part, expected in zip(batch.split(1), together, strict=True):
        torch.testing.assert_close(encoder(part), expected, atol=1e-6, rtol=1e-6)


@of_every_form
@torch.no_grad()
def test_a_token_reaches_its_own_sequence_and_no_other(changes: dict[str, object]) -> None:
    encoder, batch = make_encoder(**changes), make_batch(TINY)
    changed = batch.input_ids.clone()
    changed[11] = (changed[11] + 1) % TINY.vocab_size  # in the third sequence
    moved = (encoder(batch) - encoder(replace(batch, input_ids=changed))).abs().amax(1)
    inside = slice(*batch.cu_seqlens[2:4].tolist())
    assert bool((moved[inside] > 1e-6).all())
    moved[inside] = 0
    assert moved.max() <= 1e-6


@torch.no_grad()
def test_a_window_is_what_a_layer_sees() -> None:
    """Two layers with windows of 3 to either side reach 6 places; the first layer of a model sees all."""
    encoder = make_encoder(**MODERN | {"num_hidden_layers": 3, "global_attn_every_n_layers": 5})
    encoder.layers = encoder.layers[1:]
    batch = make_batch(TINY, (1, 29))
    changed = batch.input_ids.clone()
    changed[15] = (changed[15] + 1) % TINY.vocab_size
    moved = (encoder(batch) - encoder(replace(batch, input_ids=changed))).abs().amax(1)
    assert torch.nonzero(moved > 1e-6)[:, 0].tolist() == list(range(9, 22))


@torch.no_grad()
def test_rotary_positions_have_no_table_and_no_place_of_their_own() -> None:
    """Where a sequence begins does not matter, only how far apart its tokens are."""
    encoder, batch = make_encoder(**MODERN), make_batch(TINY, (5, 13))
    assert not any("position" in name for name, _ in encoder.named_parameters())
    shifted = replace(batch, position_ids=batch.position_ids + 101)
    torch.testing.assert_close(encoder(batch), encoder(shifted), atol=1e-4, rtol=1e-4)
    spread = replace(batch, position_ids=batch.position_ids * 2)
    assert not torch.allclose(encoder(batch), encoder(spread), atol=1e-2)


def test_the_norms_of_each_form() -> None:
    norms = {
        form: [
            name.removesuffix(".weight")
            for name, _ in make_encoder(**changes).named_parameters()
            if "norm.weight" in name
        ]
        for form, changes in (("post", {}), ("pre", PRE), ("modern", MODERN))
    }
    layers = [f"layers.{number}.{name}" for number in (0, 1) for name in ("attention_norm", "mlp_norm")]
    assert norms == {
        "post": ["embeddings.norm", *layers],
        "pre": [*layers, "norm"],
        "modern": ["embeddings.norm", *layers[1:], "norm"],
    }
    assert [name for name, _ in make_encoder(**MODERN).named_parameters() if name.endswith("bias")] == []


@pytest.mark.parametrize("changes", [PRE, MODERN], ids=["pre", "modern"])
@pytest.mark.parametrize(
    "name", ["hidden_dropout_prob", "attention_probs_dropout_prob", "embedding_dropout", "attention_out_dropout"]
)
@torch.no_grad()
def test_each_dropout_of_a_form_with_norms_first_is_drawn(name: str, changes: dict[str, object]) -> None:
    none = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob", "embedding_dropout"), 0.0)
    encoder, batch = make_encoder(**changes | none | {"attention_out_dropout": 0.0} | {name: 0.3}), make_batch(TINY)
    plain = encoder(batch)
    encoder.train()
    first, second, again = (encoder(batch) for seed in (5, 7, 5) if torch.manual_seed(seed))
    assert torch.equal(first, again)
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, plain)


@torch.no_grad()
def test_dropout_that_is_not_stated_is_that_of_the_hidden_states() -> None:
    names = (
        "embeddings.dropout_prob",
        "layers.1.attention_dropout",
        "layers.1.mlp_dropout",
        "layers.1.mlp.dropout_prob",
    )
    for changes, expected in (
        ({}, [0.3, 0.3, 0.3, 0.0]),
        ({"gated_mlp": True}, [0.3, 0.3, 0.0, 0.3]),
        ({"embedding_dropout": 0.0, "attention_out_dropout": 0.1}, [0.0, 0.1, 0.3, 0.0]),
    ):
        encoder = make_encoder(hidden_dropout_prob=0.3, **changes)
        assert [operator.attrgetter(name)(encoder) for name in names] == expected


@of_every_form
def test_gradients_are_the_same_alone_and_in_company(changes: dict[str, object]) -> None:
    encoder, batch = make_encoder(**changes), make_batch(TINY)
    encoder(batch).square().sum().backward()
    together = {name: parameter.grad for name, parameter in encoder.named_parameters()}
    encoder.zero_grad()
    for part in batch.split(1):
        encoder(part).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        torch.testing.assert_close(parameter.grad, together[name], atol=2e-5, rtol=2e-5)


@torch.no_grad()
def test_absent_token_types_are_zeros() -> None:
    encoder, batch = make_encoder(), make_batch(TINY)
    zeros = replace(batch, token_type_ids=torch.zeros_like(batch.input_ids))
    assert torch.equal(encoder(replace(batch, token_type_ids=None)), encoder(zeros))
    assert not torch.allclose(encoder(batch), encoder(zeros))


@torch.no_grad()
def test_a_model_without_token_types_ignores_them() -> None:
    encoder, batch = make_encoder(type_vocab_size=0), make_batch(TINY)
    assert torch.equal(encoder(batch), encoder(replace(batch, token_type_ids=None)))
    assert not any("type" in name for name, _ in encoder.named_parameters())


@torch.no_grad()
def test_positions_are_those_of_the_batch() -> None:
    encoder, batch = make_encoder(), make_batch(TINY, (5, 3))
    shifted = replace(batch, position_ids=batch.position_ids + 1)
    assert not torch.allclose(encoder(batch), encoder(shifted))


@torch.no_grad()
def test_positions_begin_at_the_offset() -> None:
    plain, batch = make_encoder(), make_batch(TINY, (5, 26, 1))
    moved = make_encoder(position_offset=3)  # the same weights
    assert torch.equal(moved(batch), plain(replace(batch, position_ids=batch.position_ids + 3)))
    assert not torch.allclose(moved(batch), plain(batch))


@torch.no_grad()
def test_a_single_type_is_the_type_of_every_token() -> None:
    encoder, batch = make_encoder(type_vocab_size=1), make_batch(TINY)
    assert batch.token_type_ids is not None
    assert int(batch.token_type_ids.max()) == 2  # types of a pair, which this model does not tell apart
    assert torch.equal(encoder(batch), encoder(replace(batch, token_type_ids=None)))


@torch.no_grad()
def test_a_language_is_added_to_its_tokens() -> None:
    encoder, batch = make_encoder(num_languages=5), make_batch(TINY, (5, 3))
    first = replace(batch, language_ids=torch.zeros_like(batch.input_ids))
    changed = torch.tensor([0] * 6 + [4, 0])  # of the second sequence's middle token
    moved = (encoder(first) - encoder(replace(first, language_ids=changed))).abs().amax(1)
    assert bool((moved[5:] > 1e-6).all())
    assert moved[:5].max() <= 1e-6
    assert not torch.allclose(encoder(batch), encoder(first))
    encoder.embeddings.language.weight.zero_()  # type: ignore[union-attr]
    assert torch.equal(encoder(batch), encoder(first))  # none given is none added


@torch.no_grad()
@pytest.mark.parametrize(
    "changes", [{}, {"num_languages": 1}, {"num_languages": 5, "use_language_embeddings": False}]
)
def test_a_model_without_language_vectors_ignores_languages(changes: dict[str, object]) -> None:
    encoder, batch = make_encoder(**changes), make_batch(TINY)
    languages = torch.full_like(batch.input_ids, 7)
    assert torch.equal(encoder(batch), encoder(replace(batch, language_ids=languages)))
    assert not any("language" in name for name, _ in encoder.named_parameters())


def test_embeddings_may_be_drawn_wider_than_matrices() -> None:
    encoder = Encoder(TINY.model_copy(update={"vocab_size": 1009, "num_languages": 31}))
    initialize(encoder, 0.02, torch.Generator().manual_seed(3), embed_init_std=0.5)
    for name, parameter in encoder.named_parameters():
        if parameter.ndim > 1:
            expected = 0.5 if name.startswith("embeddings.") else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.3), name


@torch.no_grad()
@pytest.mark.parametrize("name", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_dropout_is_a_function_of_the_seed_and_absent_in_eval(name: str) -> None:
    other = {"hidden_dropout_prob", "attention_probs_dropout_prob"} - {name}
    encoder, batch = make_encoder(**{name: 0.3, other.pop(): 0.0}), make_batch(TINY)
    assert torch.equal(encoder(batch), encoder(batch))
    plain = encoder(batch)
    encoder.train()
    first, second, again = (encoder(batch) for seed in (5, 7, 5) if torch.manual_seed(seed))
    assert torch.equal(first, again)
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, plain)


@torch.no_grad()
def test_training_mode_without_dropout_is_eval_mode() -> None:
    encoder, batch = make_encoder(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0), make_batch(TINY)
    expected = encoder(batch)
    torch.testing.assert_close(encoder.train()(batch), expected, atol=1e-6, rtol=1e-6)


def test_initial_weights_are_drawn_as_bert_draws_them() -> None:
    encoder = Encoder(TINY.model_copy(update={"vocab_size": 1009, "initializer_range": 0.05}))
    initialize(encoder, 0.05, torch.Generator().manual_seed(3))
    drawn = []
    for name, parameter in encoder.named_parameters():
        if parameter.ndim > 1:
            drawn.append(parameter.detach().flatten())
        else:
            expected = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            assert set(parameter.tolist()) == {expected}, name
    values = torch.cat(drawn)
    count = len(values)
    assert abs(values.mean().item()) < 4 * 0.05 / count**0.5
    assert values.std().item() == pytest.approx(0.05, rel=4 / (2 * count) ** 0.5)
    assert all(part.std().item() == pytest.approx(0.05, rel=0.3) for part in drawn)
    # a normal distribution, not a truncated or uniform one
    assert (values.abs() < 0.05).float().mean().item() == pytest.approx(0.6827, abs=0.01)
    assert values.abs().max() > 3 * 0.05


def test_initial_weights_are_a_function_of_the_generator() -> None:
    states: list[Tensor] = []
    for seed in (3, 3, 5):
        encoder = Encoder(TINY)
        torch.manual_seed(len(states))  # the global generator must not matter
        initialize(encoder, 0.02, torch.Generator().manual_seed(seed))
        states.append(torch.cat([parameter.detach().flatten() for parameter in encoder.parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@torch.no_grad()
def test_bfloat16_autocast_stays_near_float32() -> None:
    encoder, batch = make_encoder(), make_batch(TINY)
    with torch.autocast("cpu", torch.bfloat16):
        low = encoder(batch)
    exact = encoder(batch)
    assert (low.float() - exact).norm() / exact.norm() < 0.02


@of_every_form
def test_rows_alone_are_those_of_the_whole(changes: dict[str, object]) -> None:
    encoder, batch = make_encoder(**changes), make_batch(TINY)
    rows = torch.tensor([11, 2, 2, batch.num_tokens - 1])
    whole = encoder(batch)
    torch.testing.assert_close(encoder(batch, rows), whole[rows], atol=1e-6, rtol=1e-6)
    assert len(encoder(batch, rows[:0])) == 0
    found = torch.autograd.grad(encoder(batch, rows).square().sum(), list(encoder.parameters()))
    expected = torch.autograd.grad(whole[rows].square().sum(), list(encoder.parameters()))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
