"""Each entity is in one pair, and what became of it is said of the best one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.tasks.metrics import FATES, Pair, align, entity_measurement, scores
from encodery.tasks.metrics.chunks import Span

SPANS = st.sets(
    st.builds(
        lambda start, size, label: (start, start + size, label),
        st.integers(0, 23),
        st.integers(1, 5),
        st.sampled_from(("LOC", "PER", "ORG")),
    ),
    max_size=7,
)


@pytest.mark.parametrize(
    ("given_", "found", "fate"),
    [
        ((3, 7, "LOC"), (3, 7, "LOC"), "right"),
        ((3, 7, "LOC"), (3, 7, "PER"), "wrong label"),
        ((3, 7, "LOC"), (2, 7, "LOC"), "wrong extent"),
        ((3, 7, "LOC"), (6, 11, "PER"), "wrong label and extent"),
    ],
)
def test_what_became_of_one(given_: Span, found: Span, fate: str) -> None:
    (pair,) = align([found], [given_])
    assert pair == Pair(given_, found)
    assert pair.fate == fate


def test_neighbours_are_no_pair() -> None:
    pairs = align([(7, 9, "LOC")], [(3, 7, "LOC")])
    assert [pair.fate for pair in pairs] == ["missed", "spurious"]
    assert pairs == [Pair((3, 7, "LOC"), None), Pair(None, (7, 9, "LOC"))]


def test_the_nearest_are_paired_first() -> None:
    """Equal ones before the same boundaries, these before the same label, that before the longer overlap."""
    given_ = [(0, 5, "LOC"), (5, 13, "PER")]
    found = [(0, 5, "PER"), (4, 6, "LOC"), (6, 13, "PER"), (7, 11, "PER")]
    assert align(found, given_) == [
        Pair((0, 5, "LOC"), (0, 5, "PER")),
        Pair(None, (4, 6, "LOC")),
        Pair((5, 13, "PER"), (6, 13, "PER")),
        Pair(None, (7, 11, "PER")),
    ]


@given(SPANS, SPANS)
def test_each_entity_is_in_one_pair_and_the_right_ones_are_those_of_strict_f1(
    found: set[Span], given_: set[Span]
) -> None:
    pairs = align(found, given_)
    assert sorted(pair.found for pair in pairs if pair.found) == sorted(found)
    assert sorted(pair.given for pair in pairs if pair.given) == sorted(given_)
    assert {pair.fate for pair in pairs} <= set(FATES)
    right = sum(pair.fate == "right" for pair in pairs)
    assert right == len(found & given_)
    if found:
        precision = scores(entity_measurement([found], [given_]))["precision"]
        assert precision == pytest.approx(right / len(found))


@given(SPANS, SPANS)
def test_nothing_is_left_that_could_be_paired(found: set[Span], given_: set[Span]) -> None:
    pairs = align(found, given_)
    missed = [pair.given for pair in pairs if pair.given and not pair.found]
    spurious = [pair.found for pair in pairs if pair.found and not pair.given]
    assert not any(one[0] < other[1] and other[0] < one[1] for one in missed for other in spurious)


def test_many_entities_in_one_text() -> None:
    """Fifty thousand: every pair of them would be billions."""
    given_ = [(7 * n, 7 * n + 5, "LOC") for n in range(50_000)]
    found = [(start + 1, end, label) for start, end, label in given_]
    assert {pair.fate for pair in align(found, given_)} == {"wrong extent"}
