"""Word counts: bounded, and handed on without loss."""

from collections import Counter

from encodery.text.word_counts import WordCounts, most_frequent, repeated


def test_the_rarest_go_first() -> None:
    counts = Counter({"a": 5, "b": 2, "c": 2, "d": 1})
    assert most_frequent(counts, 4) == counts
    assert most_frequent(counts, 3) == Counter({"a": 5, "b": 2, "c": 2})
    assert most_frequent(counts, 2) == Counter({"a": 5})


def test_repeated_text_holds_every_word_as_often_as_counted() -> None:
    counts = {"a": 100_003, "bcd": 7, "long" * 20: 997}
    pieces = list(repeated(counts))
    assert Counter(word for piece in pieces for word in piece.split()) == Counter(counts)
    assert max(map(len, pieces)) < 3 * 65_536


def test_words_of_light_texts_count_less_but_not_nothing() -> None:
    counts = WordCounts(100)
    counts.add(["a", "a", "b"], 0.2)
    counts.add(["a", "c"], 3.5)
    assert counts.total() == Counter({"a": 4, "c": 4, "b": 1})


def test_each_weight_keeps_its_share_of_the_bound() -> None:
    counts = WordCounts(8)
    counts.add("aaabbcdef", 1.0)
    counts.add("xxyz", 2.0)
    counts.prune()
    assert counts.total() == Counter({"a": 3, "b": 2, "x": 4, "y": 2, "z": 2})
