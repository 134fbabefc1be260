"""Specifications of tokenizers: one table for each type, and clear words where one is wrong."""

from typing import Any

import pytest

from encodery.errors import UserError
from encodery.text.byte_bpe import ByteBpeSpec
from encodery.text.moses_bpe import MosesBpeSpec
from encodery.text.tokenizer import parse_spec
from encodery.text.unigram import UnigramSpec
from encodery.text.wordpiece import WordPieceSpec


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, WordPieceSpec()),
        ({"vocab_size": 307, "lowercase": False}, WordPieceSpec(vocab_size=307, lowercase=False)),
        ({"type": "wordpiece"}, WordPieceSpec()),
        ({"type": "byte-bpe", "vocab_size": 307}, ByteBpeSpec(vocab_size=307)),
        ({"type": "moses-bpe", "language": "de"}, MosesBpeSpec(language="de")),
        ({"type": "unigram", "character_coverage": 0.99}, UnigramSpec(character_coverage=0.99)),
    ],
)
def test_the_type_chooses_the_table(values: dict[str, Any], expected: object) -> None:
    assert parse_spec(values, "recipe") == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"type": "bpe"},
            "tokenizer.type = 'bpe': one of 'wordpiece', 'byte-bpe', 'unigram', 'moses-bpe' is allowed",
        ),
        ({"type": "unigram", "lowercase": True}, "unknown key 'tokenizer.lowercase'; allowed: "),
        ({"type": "moses-bpe", "language": "DE"}, "tokenizer.language = 'DE': string should match pattern"),
        ({"vocab_sise": 5}, "unknown key 'tokenizer.vocab_sise'; did you mean 'vocab_size'?"),
        (
            {"type": "byte-bpe", "vocab_size": 260},
            "tokenizer.vocab_size = 260: input should be greater than or equal to 261",
        ),
        (
            {"type": "unigram", "character_coverage": 2},
            "tokenizer.character_coverage = 2: input should be less than or equal to 1",
        ),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_spec(values, "recipe")
    assert str(caught.value).startswith(f"recipe: {message}")
    assert "wordpiece.vocab" not in str(caught.value)
