"""What the unigram trainer is given: words and counts, bounded."""

from collections import Counter

import pytest

from encodery.text import unigram_training
from encodery.text.balance import EVEN
from encodery.text.tokenizer import train_tokenizer
from encodery.text.unigram import UnigramSpec
from encodery.text.unigram_training import counted, thinned
from tests.text.scripts import SENTENCES
from tests.text.test_wordpiece_vocabulary import vocabulary_of


def test_counts_that_fit_are_what_they_are() -> None:
    counts = {"the": 17, "漢字": 3}
    assert thinned(counts, 17 * 7 + 3 * 10) == [("the", 17), ("漢字", 3)]


def test_every_kth_occurrence_is_left() -> None:
    counts = {"the": 30_011, **{f"w{number:04}": 1 for number in range(9973)}, "of": 1009}
    size = 7 * 30_011 + 9 * 9973 + 6 * 1009
    kept = dict(thinned(counts, size // 7))
    assert abs(kept["the"] - 30_011 / 7) <= 1
    assert abs(kept["of"] - 1009 / 7) <= 1
    assert abs(len(kept) - 2 - 9973 / 7) <= 1
    assert {kept[word] for word in kept if word.startswith("w")} == {1}
    assert thinned(counts, size // 7) == list(kept.items())


def test_words_are_counted_as_often_as_their_lines() -> None:
    lines = [("a b a", 3), ("b  c", 5)]
    assert counted(lambda step: lines[::step], 3) == Counter(a=6, b=8, c=5)


def test_lines_are_left_out_evenly_until_words_are_few_enough() -> None:
    lines = [(f"the w{number}", 2) for number in range(1009)]
    counts = counted(lambda step: lines[::step], 400)
    assert counts == Counter({"the": 2 * 253, **{f"w{number}": 2 for number in range(0, 1009, 4)}})


@pytest.mark.parametrize("weights", [EVEN, [1.0] * 17 * len(SENTENCES)])
def test_lines_without_spaces_are_not_lost_where_words_are_too_many(
    monkeypatch: pytest.MonkeyPatch, weights: object
) -> None:
    texts = [sentence.replace(" ", "") + str(number) for number in range(17) for sentence in SENTENCES]
    monkeypatch.setattr(unigram_training, "_MOST_WORDS", 67)
    words = unigram_training._words(texts, weights, 1009)  # type: ignore[arg-type]
    assert len(list(unigram_training._taken(words))) == 64
    assert not words


def test_words_are_handed_over_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unigram_training, "_WORDS_IN_BLOCK", 3)
    words = unigram_training._words(["a b\u2028c a\x85d", "e\tf g"], EVEN, 101)
    assert [block.count(b"\n") for block in words] == [2, 2, 0]
    assert list(unigram_training._taken(words)) == ["a\t2", "b\t1", "c\t1", "d\t1", "e\t1", "f\t1", "g\t1"]


def test_less_text_than_is_bounded_gives_the_same_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = UnigramSpec(vocab_size=421, character_coverage=0.99)
    whole = vocabulary_of(train_tokenizer(spec, SENTENCES))
    words = len({word for sentence in SENTENCES for word in sentence.split()})
    monkeypatch.setattr(unigram_training, "_MOST_WORDS", words)
    assert vocabulary_of(train_tokenizer(spec, SENTENCES)) == whole
    monkeypatch.setattr(unigram_training, "_MOST_WORDS", words - 1)
    assert unigram_training._words(SENTENCES[::2], EVEN, 1009) == unigram_training._words(SENTENCES, EVEN, 1009)
