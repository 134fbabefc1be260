"""Training a vocabulary: deterministic, of the size asked for, or a clear refusal."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from encodery.errors import UserError
from encodery.text import wordpiece_vocabulary
from encodery.text.tokenizer import Tokenizer, train_tokenizer
from encodery.text.wordpiece import WordPieceSpec

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def text_of(words: int, seed: int = 7) -> list[str]:
    """Words of random syllables: many ties between equally frequent pairs."""
    generator = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    lines = []
    for _ in range(words // 11):
        line = ["".join(generator.choices(syllables, k=generator.randint(1, 4))) for _ in range(11)]
        lines.append(" ".join(line) + ".")
    return lines


def vocabulary_of(tokenizer: Tokenizer) -> list[str]:
    return [tokenizer.id_to_token(index) for index in range(tokenizer.vocab_size)]


def test_exact_vocabulary_of_a_small_text() -> None:
    tokens = wordpiece_vocabulary.train_vocabulary(
        ["Abab abab", "abc!"], normalizers.BertNormalizer(lowercase=True), SPECIALS, 15, 1, 1000
    )
    assert tokens == [*SPECIALS, "!", "a", "b", "c", "##a", "##b", "##c", "ab", "##ab", "abab"]


def test_a_vocabulary_larger_than_the_text_supports_is_refused() -> None:
    message = "vocab_size = 30000 is more than the text supports: 1[0-9] tokens found; lower vocab_size or add text"
    with pytest.raises(UserError, match=f"^{message}$"):
        train_tokenizer(WordPieceSpec(vocab_size=30_000), ["abc abc abd"])


def test_a_vocabulary_smaller_than_the_alphabet_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        train_tokenizer(WordPieceSpec(vocab_size=29), ["the quick brown fox jumps over a lazy dog"])
    assert str(caught.value) == (
        "vocab_size = 29 is too small: special tokens and single characters take 50; "
        "raise vocab_size or lower limit_alphabet = 1000"
    )


@pytest.mark.parametrize("texts", [[], [""], ["  \n\t", "\u200b"]])
def test_no_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match=r"^there is no text to train the vocabulary on; add text to the corpus$"):
        train_tokenizer(WordPieceSpec(vocab_size=101), texts)


def test_rare_characters_are_left_out_with_their_words() -> None:
    texts = ["abab baba"] * 13 + ["abq abq", "aby"]
    tokens = wordpiece_vocabulary.train_vocabulary(texts, normalizers.BertNormalizer(), SPECIALS, 11, 1, 2)
    assert tokens[5:9] == ["a", "b", "##a", "##b"]
    with pytest.raises(UserError, match="more than the text supports: 14 tokens found"):
        train_tokenizer(WordPieceSpec(vocab_size=16, limit_alphabet=2, min_frequency=1), texts)


def test_case_and_accents_follow_the_spec() -> None:
    texts = ["Éa éA"] * 5
    kept = train_tokenizer(WordPieceSpec(vocab_size=23, lowercase=False, min_frequency=1), [*texts, "bcdefg bcdefg"])
    assert {"É", "é", "A", "##A"} & set(vocabulary_of(kept)) == {"É", "é", "A", "##A"}
    folded = train_tokenizer(WordPieceSpec(vocab_size=23, min_frequency=1), [*texts, "bcdefg bcdefg"])
    assert "É" not in vocabulary_of(folded)
    assert "é" not in vocabulary_of(folded)


def test_a_trained_tokenizer_encodes_its_text_without_unknowns() -> None:
    lines = text_of(1009)
    tokenizer = train_tokenizer(WordPieceSpec(vocab_size=307), lines)
    for ids in tokenizer.encode_batch(lines):
        assert tokenizer.unk_token_id not in ids.tolist()


@settings(max_examples=150)
@given(st.text(st.sampled_from("abÉ漢あ!.€½ \t\n\u3000\u00a0\x1f\x00'-“”")))
def test_words_are_counted_as_bert_splits_them(text: str) -> None:
    normalizer = normalizers.BertNormalizer(lowercase=True)
    words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizer.normalize_str(text))
    assert wordpiece_vocabulary.count_words([text], normalizer) == Counter(word for word, _ in words)


def test_counting_drops_the_rarest_words_past_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpiece_vocabulary, "MAX_COUNTED_WORDS", 6)
    counts = wordpiece_vocabulary.count_words(["a a a b b c", "d f g h", "e e i j k l"], normalizers.BertNormalizer())
    assert counts == Counter({"a": 3, "b": 2, "e": 2})


def test_words_too_long_to_be_known_do_not_count() -> None:
    counts = wordpiece_vocabulary.count_words(["x" * 101 + " " + "y" * 100], normalizers.BertNormalizer())
    assert counts == Counter({"y" * 100: 1})
