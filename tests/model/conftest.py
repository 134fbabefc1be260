"""A small random encoder, packed batches for it, and the same weights in `transformers`."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from encodery.batch import Batch
from encodery.families.bert import BERT
from encodery.families.family import config_to_theirs
from encodery.families.name_map import names, state_to_theirs
from encodery.model.config import EncoderConfig
from encodery.model.heads import Model

TINY = EncoderConfig(
    vocab_size=101,
    hidden_size=33,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=37,
    max_position_embeddings=29,
    type_vocab_size=3,
    layer_norm_eps=1e-5,
)
LENGTHS = (5, 1, 29, 13, 2)


def make_batch(config: EncoderConfig, lengths: Sequence[int] = LENGTHS, seed: int = 1) -> Batch:
    """Random tokens of random types."""
    generator = torch.Generator().manual_seed(seed)
    tokens = sum(lengths)
    return Batch(
        input_ids=torch.randint(config.vocab_size, (tokens,), generator=generator),
        position_ids=torch.cat([torch.arange(length) for length in lengths]),
        cu_seqlens=torch.tensor([0, *lengths]).cumsum(0).int(),
        max_seqlen=max(lengths),
        token_type_ids=torch.randint(max(1, config.type_vocab_size), (tokens,), generator=generator),
    )


def randomize(module: nn.Module, seed: int = 1) -> None:
    """Weights far from their initial values, norms and biases too, so that none of them can be left out."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0.0, 0.3, generator=generator)


def make_model(config: EncoderConfig = TINY, heads: Sequence[str] = (), seed: int = 1, **options: Any) -> Model:
    """A model with random weights and without dropout."""
    model = Model(config, heads, **options)
    randomize(model, seed)
    return model.eval()


def to_theirs(model: Model) -> Any:
    """The class of `transformers` for the same heads, holding the same weights."""
    config = transformers.BertConfig(**config_to_theirs(BERT, model.config, list(model.heads)))
    config.num_labels = 3
    theirs = getattr(transformers, BERT.architectures[frozenset(model.heads)])(config).eval()
    state = state_to_theirs(BERT, model)
    if not model.heads:
        state = {name.removeprefix(BERT.base_prefix): tensor for name, tensor in state.items()}
    left = theirs.load_state_dict(state, strict=False)
    assert left.unexpected_keys == []
    assert set(left.missing_keys) <= set(BERT.tied)
    return theirs


def gradients_of_theirs(theirs: Any, model: Model) -> dict[str, Tensor]:
    """Their gradients under our names."""
    named = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    prefix = "" if model.heads else BERT.base_prefix
    mapping = names(BERT, model.config, list(model.heads), model.pooler is not None)
    return {ours: torch.cat([named[part.removeprefix(prefix)] for part in parts]) for ours, parts in mapping.items()}


def assert_same_gradients(model: Model, theirs: Any) -> None:
    expected = gradients_of_theirs(theirs, model)
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert set(found) == set(expected)
    for name, gradient in found.items():
        assert gradient is not None, name
        torch.testing.assert_close(gradient, expected[name], atol=2e-5, rtol=2e-5, msg=name)


@pytest.fixture
def padded() -> Callable[[Batch], dict[str, Tensor]]:
    """Inputs of `transformers`: padding filled with a token that must not matter."""
    return lambda batch: batch.dense(pad_token_id=97)
