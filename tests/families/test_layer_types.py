"""A list of the layers' kinds is read as one number, or not at all."""

from hypothesis import given
from hypothesis import strategies as st

from encodery.families.layer_types import EveryNth


def test_a_list_of_kinds_is_a_number() -> None:
    every = EveryNth("n", "a", "b")
    assert every.number(["a", "b", "b", "a", "b"], None) == 3
    assert every.number(["a", "a", "a"], None) == 1
    assert every.number(["a", "b", "b"], None) == 3
    assert every.number(["a", "b", "b"], 7) == 7  # fits as well, and was said
    assert every.number(["a", "b", "b"], 2) == 3
    assert every.number(["a"], "1") == 1
    for wrong in ([], ["b"], ["b", "a"], ["a", "b", "a", "a"], ["a", "b", "c"], [1, 2], "ab", {"a": 1}):
        assert every.number(wrong, 1) is None


@given(st.integers(1, 31), st.integers(1, 31))
def test_every_number_survives_the_way_there_and_back(every: int, count: int) -> None:
    kinds = EveryNth("n", "a", "b")
    words = kinds.words(every, count)
    assert kinds.number(words, every) == every
    found = kinds.number(words, None)
    assert found is not None
    assert kinds.words(found, count) == words
