"""Sizes that cannot work are rejected before a model is built."""

import pytest

from encodery.errors import UserError
from encodery.model.config import EncoderConfig


def test_the_defaults_are_bert_base() -> None:
    config = EncoderConfig(vocab_size=30_522)
    assert config.model_dump() == {
        "vocab_size": 30_522,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "initializer_range": 0.02,
        "pad_token_id": 0,
    }
    assert config.head_dim == 64


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hidden_size": 770}, "hidden_size = 770 cannot be shared by num_attention_heads = 12; choose a divisor"),
        ({"pad_token_id": 101}, "pad_token_id = 101 is outside the vocabulary of 101 tokens"),
        ({"vocab_size": 0}, "vocab_size = 0: input should be greater than or equal to 1"),
        ({"vocab_size": 10**17}, f"vocab_size = {10**17}: input should be less than or equal to 16777216"),
        ({"hidden_size": 10**30}, f"hidden_size = {10**30}: input should be less than or equal to 16777216"),
        ({"hidden_act": "silu"}, "hidden_act = 'silu': input should be 'gelu', 'gelu_new' or 'relu'"),
        ({"hidden_dropout_prob": 1.0}, "hidden_dropout_prob = 1.0: input should be less than 1"),
        (
            {"attention_probs_dropout_prob": -0.1},
            "attention_probs_dropout_prob = -0.1: input should be greater than or equal to 0",
        ),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps = 0.0: input should be greater than 0"),
        ({"type_vocab_size": -1}, "type_vocab_size = -1: input should be greater than or equal to 0"),
        ({"num_layers": 3}, "unknown key 'num_layers'; did you mean 'num_hidden_layers'?"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_rejected(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(UserError) as error:
        EncoderConfig.parse({"vocab_size": 101, **fields}, "config.json")
    assert str(error.value) == f"config.json: {expected}"


def test_a_vocabulary_must_be_given() -> None:
    with pytest.raises(UserError, match=r"^config\.json: missing key 'vocab_size'$"):
        EncoderConfig.parse({}, "config.json")
