"""Counts over text: rates that follow from them, and sums of several texts."""

import pytest

from encodery.text.statistics import TextStatistics, measure
from encodery.text.tokenizer import Tokenizer
from encodery.text.wordpiece import BERT_SPECIAL_TOKENS, WordPiece, build_backend

TOKENS = ["ab", "##c", "é", "x"]


@pytest.fixture
def tokenizer() -> Tokenizer:
    names = list(BERT_SPECIAL_TOKENS.values())
    return Tokenizer(WordPiece(build_backend([*names, *TOKENS], names, True, False, True), BERT_SPECIAL_TOKENS))


def test_rates(tokenizer: Tokenizer) -> None:
    found = measure(tokenizer, ["abc ab", "é zz"])
    assert (found.texts, found.characters, found.utf8_bytes, found.words) == (2, 10, 11, 4)
    assert found.tokens == 5  # ab ##c ab é [UNK]
    assert found.unknown == 1
    assert found.tokens_per_word == 5 / 4
    assert found.characters_per_token == 2
    assert found.tokens_per_character == 0.5
    assert found.bytes_per_token == 11 / 5
    assert found.unknown_rate == 1 / 5
    assert found.coverage == 4 / 9  # ab ##c é [UNK] of nine


def test_no_text(tokenizer: Tokenizer) -> None:
    found = measure(tokenizer, ["", "  "])
    assert found.texts == 2
    rates = (found.tokens_per_word, found.characters_per_token, found.bytes_per_token, found.unknown_rate)
    assert rates == (0, 0, 0, 0)
    assert measure(tokenizer, []).tokens_per_character == 0


def test_counts_of_parts_are_those_of_the_whole(tokenizer: Tokenizer) -> None:
    texts = [f"ab{'c' * (i % 5)} é{' x' * (i % 3)}" for i in range(2003)]
    whole, sum_ = measure(tokenizer, iter(texts)), TextStatistics(tokenizer.vocab_size)
    for part in (texts[:701], texts[701:702], texts[702:]):
        sum_.add(measure(tokenizer, part))
    assert (whole.occurrences == sum_.occurrences).all()
    for name in ("texts", "characters", "utf8_bytes", "words", "unknown", "tokens", "coverage"):
        assert getattr(whole, name) == getattr(sum_, name)
