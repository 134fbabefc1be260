"""The decoder over packed pairs: each alone, nothing from behind, all of its source."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from encodery.batch import pack
from encodery.model.translator import HEAD
from tests.model.pairs import (
    AXES,
    SMALL,
    gradients,
    make_pairs,
    make_translator,
    one_by_one,
    small,
    source_of,
)

axes = pytest.mark.parametrize("changes", AXES.values(), ids=AXES)


@axes
def test_packed_pairs_are_as_each_alone(changes: dict[str, Any]) -> None:
    config = small(**changes)
    translator, pairs = make_translator(config), make_pairs(config)
    alone = torch.cat([translator.logits(HEAD, batch) for batch in one_by_one(pairs)])
    torch.testing.assert_close(translator.logits(HEAD, pack(pairs)), alone, atol=1e-5, rtol=1e-5)


@axes
def test_a_token_sees_those_before_it_and_the_whole_source(changes: dict[str, Any]) -> None:
    config = small(**changes)
    translator = make_translator(config)
    (pair,) = make_pairs(config, [(7, 5)])
    before = translator.logits(HEAD, pack([pair]))
    later = [*pair.input_ids]
    later[4] = 3 if later[4] != 3 else 4
    after = translator.logits(HEAD, pack([replace(pair, input_ids=later)]))
    assert torch.equal(before[:4], after[:4])
    assert ((before[4:] - after[4:]).abs().amax(1) > 1e-4).all()
    assert pair.source is not None
    other = [*pair.source.input_ids]
    other[-1] = 3 if other[-1] != 3 else 4
    changed = translator.logits(HEAD, pack([replace(pair, source=replace(pair.source, input_ids=other))]))
    assert ((before - changed).abs().amax(1) > 1e-5).all()


def test_each_target_sees_its_own_source_only() -> None:
    translator, pairs = make_translator(), make_pairs()
    lengths = [len(pair.input_ids) for pair in pairs]
    before = torch.split(translator.logits(HEAD, pack(pairs)), lengths)
    swapped = [*pairs]
    swapped[1] = replace(pairs[1], source=pairs[3].source)
    after = torch.split(translator.logits(HEAD, pack(swapped)), lengths)
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(before, after, strict=True)]
    assert same == [True, False, True, True, True, True]


def test_rows_are_those_rows_of_all() -> None:
    translator, batch = make_translator(), pack(make_pairs())
    rows = torch.tensor([3, 0, 17, 17, 41])
    torch.testing.assert_close(translator.hidden(batch, rows), translator.hidden(batch)[rows])


def test_languages_of_both_sides_are_read() -> None:
    config = small(**AXES["xlm"])
    translator, batch = make_translator(config), pack(make_pairs(config))
    source = source_of(batch)
    assert batch.language_ids is not None
    assert source.language_ids is not None
    before = translator.hidden(batch)
    of_target = translator.hidden(replace(batch, language_ids=(batch.language_ids + 1) % 5))
    of_source = translator.hidden(replace(batch, source=replace(source, language_ids=(source.language_ids + 1) % 5)))
    assert ((before - of_target).abs().amax(1) > 1e-4).all()
    assert ((before - of_source).abs().amax(1) > 1e-5).all()


@axes
def test_layers_that_are_computed_again_give_the_same_gradients_with_dropout(changes: dict[str, Any]) -> None:
    config = small(**changes)
    batch = pack(make_pairs(config))
    found = []
    for again in (False, True):
        translator = make_translator(config).train()
        translator.encoder.activation_checkpointing = again
        torch.manual_seed(3)
        loss, _ = translator.loss(batch, 0.1)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append((loss.detach(), gradients(translator)))
    (loss, expected), (other, computed_again) = found
    assert torch.equal(loss, other)
    assert all(torch.equal(computed_again[name], gradient) for name, gradient in expected.items())


def test_dropout_acts_in_training_only() -> None:
    translator, batch = make_translator(), pack(make_pairs())
    assert torch.equal(translator.hidden(batch), translator.hidden(batch))
    translator.train()
    assert not torch.equal(translator.hidden(batch), translator.hidden(batch))


def test_training_in_bfloat16_is_close_to_float32() -> None:
    translator, batch = make_translator(), pack(make_pairs())
    with torch.no_grad():
        for parameter in translator.parameters():
            parameter.mul_(0.3)
    exact, _ = translator.loss(batch)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = translator.loss(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.01)
    assert all(gradient.dtype == torch.float32 for gradient in gradients(translator).values())


def test_the_decoder_has_sizes_of_its_own() -> None:
    translator = make_translator(SMALL, layers=1, num_hidden_layers=3, vocab_size=53)
    batch = pack(make_pairs(small(vocab_size=53)))
    assert translator.logits(HEAD, batch).shape == (batch.num_tokens, 53)
    assert (len(translator.encoder.layers), len(translator.decoder.layers)) == (1, 3)
