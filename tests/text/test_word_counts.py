"""Word counts: bounded, and handed on without loss."""

from collections import Counter

from encodery.text.word_counts import most_frequent, repeated


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
