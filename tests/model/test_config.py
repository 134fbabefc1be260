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
        "embedding_dropout": None,
        "attention_out_dropout": None,
        "norm": "post",
        "norm_bias": True,
        "embedding_norm": True,
        "attention_bias": True,
        "mlp_bias": True,
        "gated_mlp": False,
        "global_attn_every_n_layers": 1,
        "attention_window": 128,
        "position": "learned",
        "max_position_embeddings": 512,
        "rope_theta": 10_000.0,
        "local_rope_theta": 10_000.0,
        "position_offset": 0,
        "type_vocab_size": 2,
        "num_languages": 0,
        "use_language_embeddings": True,
        "layer_norm_eps": 1e-12,
        "initializer_range": 0.02,
        "embed_init_std": None,
        "classifier_dropout": None,
        "classifier_pooling": "cls",
        "classifier_activation": "gelu",
        "classifier_bias": True,
        "decoder_bias": True,
        "qa_dropout": 0.0,
        "start_n_top": 5,
        "end_n_top": 5,
        "pad_token_id": 0,
    }
    assert config.head_dim == 64
    assert config.num_positions == 512
    assert not config.has_language_embeddings


def test_positions_that_are_never_read_are_not_counted() -> None:
    assert EncoderConfig(vocab_size=101, max_position_embeddings=514, position_offset=2).num_positions == 512


@pytest.mark.parametrize(("languages", "expected"), [(0, False), (1, False), (2, True)])
def test_languages_are_told_apart_where_there_are_two(languages: int, expected: bool) -> None:
    config = EncoderConfig(vocab_size=101, num_languages=languages)
    assert config.has_language_embeddings == expected
    assert not config.model_copy(update={"use_language_embeddings": False}).has_language_embeddings


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
        (
            {"max_position_embeddings": 7, "position_offset": 7},
            "max_position_embeddings = 7 leaves no position behind position_offset = 7; "
            "raise the one or lower the other",
        ),
        ({"position": "alibi"}, "position = 'alibi': input should be 'learned', 'sinusoidal' or 'rope'"),
        (
            {"position": "rope", "hidden_size": 33, "num_attention_heads": 3},
            "position = 'rope' turns pairs of numbers, but hidden_size = 33 over num_attention_heads = 3 gives heads "
            "of 11; choose an even size",
        ),
        (
            {"position": "rope", "position_offset": 2},
            "position_offset = 2 means a row of a position table, which position = 'rope' does not have; set it to 0",
        ),
        ({"rope_theta": 0.5}, "rope_theta = 0.5: input should be greater than or equal to 1"),
        ({"local_rope_theta": float("nan")}, "local_rope_theta = nan: input should be a finite number"),
        ({"norm": "both"}, "norm = 'both': input should be 'post' or 'pre'"),
        ({"attention_window": 0}, "attention_window = 0: input should be greater than or equal to 1"),
        (
            {"global_attn_every_n_layers": 0},
            "global_attn_every_n_layers = 0: input should be greater than or equal to 1",
        ),
        ({"embedding_dropout": 1.0}, "embedding_dropout = 1.0: input should be less than 1"),
        ({"classifier_pooling": "max"}, "classifier_pooling = 'max': input should be 'cls' or 'mean'"),
        ({"num_languages": -1}, "num_languages = -1: input should be greater than or equal to 0"),
        ({"classifier_dropout": 1.0}, "classifier_dropout = 1.0: input should be less than 1"),
        ({"embed_init_std": 0.0}, "embed_init_std = 0.0: input should be greater than 0"),
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
