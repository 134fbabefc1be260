"""Calls hold every sequence once, whole, within their length; and are as full as first fit makes them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.deploy.buckets import LENGTHS, PACKED, lengths_for, num_rows, plan_calls


@given(st.lists(st.integers(1, 512), min_size=1, max_size=97), st.booleans())
def test_every_sequence_is_in_one_call_and_fits(tokens: list[int], named: bool) -> None:
    rows = [1] * len(tokens) if named else None
    calls = plan_calls(tokens, rows, LENGTHS)
    assert sorted(place for call in calls for place in call.sequences) == list(range(len(tokens)))
    for call in calls:
        assert sum(tokens[place] for place in call.sequences) == call.num_tokens <= call.length
        assert call.length in LENGTHS
        assert not named or len(call.sequences) == call.num_rows <= num_rows(call.length)
        assert len(call.sequences) == 1 or call.num_tokens <= PACKED


@pytest.mark.parametrize(
    ("tokens", "lengths"),
    [
        ([1], [8]),
        ([16], [16]),
        ([17], [24]),
        ([20, 20], [48]),
        ([250, 6], [256]),
        ([250, 7], [8, 256]),
        ([400, 3], [8, 512]),
        ([128, 128, 128], [128, 256]),
    ],
)
def test_a_call_has_the_shortest_length_that_holds_it(tokens: list[int], lengths: Sequence[int]) -> None:
    assert sorted(call.length for call in plan_calls(tokens, None, LENGTHS)) == lengths


def test_many_short_texts_leave_room_for_their_rows() -> None:
    calls = plan_calls([2] * 101, [1] * 101, LENGTHS)
    assert [call.num_rows for call in calls] == [32, 32, 32, 5]
    assert [call.length for call in calls] == [256, 256, 256, 48]


def test_natural_lengths_waste_little() -> None:
    tokens = [7 + (place * place) % 61 for place in range(257)]
    calls = plan_calls(tokens, [1] * len(tokens), LENGTHS)
    assert sum(tokens) / sum(call.length for call in calls) > 0.97


@pytest.mark.parametrize(
    ("positions", "lengths"),
    [
        (13, (8, 13)),
        (29, (8, 16, 24, 29)),
        (512, LENGTHS),
        (514, (*LENGTHS, 514)),
        (2048, (*LENGTHS, 1024, 1536, 2048)),
    ],
)
def test_the_longest_length_is_the_models(positions: int, lengths: tuple[int, ...]) -> None:
    assert lengths_for(positions) == lengths
