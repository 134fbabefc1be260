"""Encoder and decoder together: the loss, and what they begin with."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from encodery.batch import pack
from encodery.model.decoder import DecoderLayer
from encodery.model.heads import Model
from encodery.model.translator import HEAD, Translator, translator_from
from tests.model.conftest import randomize
from tests.model.pairs import AXES, SMALL, gradients, make_pairs, make_translator, small, source_of


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_of_the_logits(smoothing: float) -> None:
    translator, batch = make_translator(), pack(make_pairs())
    assert batch.labels is not None
    logits = translator.logits(HEAD, batch, batch.label_index)
    expected = F.cross_entropy(logits, batch.labels, reduction="sum", label_smoothing=smoothing)
    expected.backward()  # type: ignore[no-untyped-call]
    wanted = gradients(translator)
    translator.zero_grad()
    loss, correct = translator.loss(batch, smoothing)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, expected)
    assert int(correct) == int((logits.argmax(1) == batch.labels).sum())
    for name, gradient in gradients(translator).items():
        torch.testing.assert_close(gradient, wanted[name], atol=1e-4, rtol=1e-4, msg=name)


def test_logits_are_tied_to_the_words_of_the_decoder() -> None:
    translator = make_translator()
    assert translator.head.decoder.weight is translator.decoder.embeddings.word.weight
    assert translator.encoder.embeddings.word.weight is not translator.decoder.embeddings.word.weight
    names = [name for name, _ in translator.named_parameters()]
    assert len([name for name in names if name.endswith("word.weight")]) == 2


def test_a_batch_without_a_source_is_refused() -> None:
    translator, batch = make_translator(), pack(make_pairs())
    with pytest.raises(ValueError, match=r"^a batch for a model with a decoder needs a source$"):
        translator.hidden(source_of(batch))


def test_encoder_and_decoder_are_of_one_width() -> None:
    with pytest.raises(ValueError, match=r"^the encoder's hidden_size = 42 is not the decoder's, 45$"):
        Translator(SMALL, small(hidden_size=45), make_translator().shapes[HEAD])


def pretrained(seed: int, heads: tuple[str, ...] = ("mlm",), **changes: Any) -> Model:
    model = Model(small(**changes), heads)
    randomize(model, seed)
    return model


def parts_of(layer: DecoderLayer) -> tuple[Tensor, ...]:
    cross = layer.cross_attention
    return torch.cat([cross.query.weight, cross.key_value.weight]), cross.out.weight, layer.cross_norm.weight


@pytest.mark.parametrize("changes", [AXES["bert"], AXES["xlm"]], ids=["bert", "xlm"])
def test_both_sides_begin_with_pretrained_weights(changes: dict[str, Any]) -> None:
    encoder, decoder = pretrained(5, **changes), pretrained(7, **changes)
    translator = translator_from(encoder, decoder, cross_attention="self", seed=3)
    for name, tensor in encoder.encoder.state_dict().items():
        assert torch.equal(translator.encoder.state_dict()[name], tensor), name
    for name, tensor in decoder.encoder.state_dict().items():
        assert torch.equal(translator.decoder.state_dict()[name], tensor), name
    for name, tensor in decoder.heads["mlm"].state_dict().items():
        assert torch.equal(translator.head.state_dict()[name], tensor), name
    for layer in translator.decoder.stack:
        weight, out, norm = parts_of(layer)
        assert torch.equal(weight, layer.attention.qkv.weight)
        assert torch.equal(layer.cross_attention.query.bias, layer.attention.qkv.bias[:42])
        assert torch.equal(layer.cross_attention.key_value.bias, layer.attention.qkv.bias[42:])
        assert torch.equal(out, layer.attention.out.weight)
        assert torch.equal(norm, layer.attention_norm.state_dict()["weight"])


def test_cross_attention_is_drawn_anew_unless_asked_otherwise() -> None:
    model = pretrained(5)
    first, again, other = (translator_from(model, model, seed=seed) for seed in (3, 3, 4))
    for layer, same, differs in zip(first.decoder.stack, again.decoder.stack, other.decoder.stack, strict=True):
        weight, out, norm = parts_of(layer)
        assert torch.equal(weight, parts_of(same)[0])
        assert not torch.equal(weight, parts_of(differs)[0])
        assert weight.std().item() == pytest.approx(SMALL.initializer_range, rel=0.1)
        assert out.std().item() == pytest.approx(SMALL.initializer_range, rel=0.1)
        assert torch.equal(norm, torch.ones(42))


def test_one_model_given_twice_is_copied_twice() -> None:
    model = pretrained(5)
    translator = translator_from(model, model)
    ours, theirs = translator.encoder.embeddings.word.weight, translator.decoder.embeddings.word.weight
    assert torch.equal(ours, theirs)
    assert len({ours.data_ptr(), theirs.data_ptr(), model.encoder.embeddings.word.weight.data_ptr()}) == 3


def test_a_decoder_begins_with_a_model_that_has_a_head_over_the_vocabulary() -> None:
    expected = "^a decoder begins with a model that has the head 'mlm'; this one has none$"
    with pytest.raises(ValueError, match=expected):
        translator_from(pretrained(5), pretrained(5, ()))


def test_pre_norm_cross_attention_begins_with_the_norm_that_is_there() -> None:
    """The first layer has none where the embeddings are normalised."""
    model = pretrained(5, norm="pre", embedding_norm=True)
    first, second = translator_from(model, model, cross_attention="self").decoder.stack
    assert torch.equal(first.cross_norm.weight, torch.ones(42))
    assert torch.equal(second.cross_norm.weight, second.attention_norm.state_dict()["weight"])
