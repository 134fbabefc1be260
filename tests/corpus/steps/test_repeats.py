"""Repeated lines and runs, against the obvious way to find them."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from encodery.corpus.steps.repeats import Documents, repeated

DOCUMENTS = st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=17), min_size=1, max_size=4)


def most_frequent(words: list[str], size: int) -> int:
    """datatrove's `find_top_duplicate`."""
    grams = Counter(" ".join(words[i : i + size]) for i in range(len(words) - size + 1))
    if not grams:
        return 0
    gram, count = grams.most_common(1)[0]
    return len(gram) * count


def repeated_runs(words: list[str], size: int) -> int:
    """datatrove's `find_all_duplicate`."""
    seen: set[tuple[str, ...]] = set()
    found = place = 0
    while place < len(words) - size + 1:
        run = tuple(words[place : place + size])
        if run in seen:
            found += len("".join(run))
            place += size
        else:
            seen.add(run)
            place += 1
    return found


@given(DOCUMENTS)
def test_most_frequent_and_repeated_runs(documents: list[list[str]]) -> None:
    made = Documents(documents)
    for runs in made.runs(7):
        assert made.most_frequent(runs).tolist() == [most_frequent(words, runs.size) for words in documents]
        nothing_spared = [-1.0] * len(documents)
        assert made.repeated(runs, nothing_spared).tolist() == [
            repeated_runs(words, runs.size) for words in documents
        ]


@given(DOCUMENTS, st.floats(0, 30))
def test_only_what_may_be_above_the_limit_is_counted(documents: list[list[str]], limit: float) -> None:
    made = Documents(documents)
    for runs in made.runs(5):
        found = made.repeated(runs, [limit] * len(documents)).tolist()
        for words, characters in zip(documents, found, strict=True):
            exact = repeated_runs(words, runs.size)
            assert characters == exact if exact > limit else characters <= limit


@given(st.lists(st.sampled_from(["", "a", "bb", "ccc"])))
def test_repeated_lines(lines: list[str]) -> None:
    seen: set[str] = set()
    again = [line for line in lines if line in seen or seen.add(line)]  # type: ignore[func-returns-value]
    assert repeated(lines) == (len(again), len("".join(again)))
