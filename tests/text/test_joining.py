"""Pairs of neighbours joined, the most frequent first: beside a plain implementation of byte-pair encoding."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from encodery.text.joining import join_neighbours

Word = tuple[str, ...]


def naive(words: dict[Word, int], count: int) -> list[int]:
    """How often each joined pair occurred when it was joined: ties may be broken in any way."""
    state, found = dict(words), []
    for _ in range(count):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, times in state.items():
            for pair in pairwise(word):
                pairs[pair] += times
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        found.append(pairs[best])
        state = {_joined(word, best): times for word, times in state.items()}
    return found


def _joined(word: Word, pair: tuple[str, str]) -> Word:
    parts: list[str] = []
    for piece in word:
        if parts and (parts[-1], piece) == pair:
            parts[-1] += piece
        else:
            parts.append(piece)
    return tuple(parts)


def test_the_most_frequent_pair_first() -> None:
    words: dict[Word, int] = {("▁a", "b", "c"): 7, ("▁a", "b"): 3, ("b", "c"): 2, ("d",): 100}
    found = join_neighbours(words, {"▁a", "b", "c", "d"}, 2, 1)
    assert [(new.token, new.pieces, new.parts) for new in found] == [
        ("▁ab", ("▁a", "b"), ("▁a", "b")),
        ("▁abc", ("▁a", "b", "c"), ("▁ab", "c")),
    ]


def test_what_is_known_is_joined_but_not_counted() -> None:
    words: dict[Word, int] = {("a", "b", "c"): 7}
    found = join_neighbours(words, {"a", "b", "c", "ab", "bc"}, 1, 1)
    assert found[-1].token == "abc"
    assert found[-1].pieces == ("a", "b", "c")
    assert found[0].token in ("ab", "bc")
    assert len(found) == 2


def test_rare_pairs_are_left() -> None:
    words: dict[Word, int] = {("a", "b"): 4, ("c", "d"): 5}
    assert [new.token for new in join_neighbours(words, "abcd", 7, 5)] == ["cd"]
    assert join_neighbours({}, "", 3, 1) == []


@given(
    st.dictionaries(
        st.lists(st.sampled_from(["a", "bb", "▁", "Ġc", "漢"]), min_size=1, max_size=6).map(tuple),
        st.integers(1, 50),
        max_size=8,
    ),
    st.integers(1, 9),
)
def test_the_first_join_is_of_the_most_frequent_pair(words: dict[Word, int], count: int) -> None:
    found = join_neighbours(words, set(), count, 1)
    expected = naive(words, count)
    assert bool(found) == bool(expected)
    for new in found:
        assert "".join(new.pieces) == "".join(new.parts) == new.token
    if found:
        pair = Counter(pair for word, times in words.items() for pair in pairwise(word) for _ in range(times))
        assert pair[(found[0].parts[0], found[0].parts[1])] == expected[0]
