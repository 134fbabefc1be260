"""What the unigram trainer is given: words and counts, bounded."""

from encodery.text.unigram_training import thinned


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
