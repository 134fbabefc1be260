"""Waits, and the header that asks for them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.client.retries import Retries, read_retry_after


@given(st.integers(0, 10_000), st.integers())
def test_a_wait_is_between_nothing_and_the_longest(attempt: int, seed: int) -> None:
    retries = Retries(base=0.1, longest=8.0)
    wait = retries.wait(attempt, None, random.Random(seed).uniform)
    assert 0 <= wait <= min(8.0, 0.1 * 2.0 ** min(attempt, 10))


def test_callers_who_were_refused_together_do_not_come_back_together() -> None:
    draw = random.Random(7).uniform
    for retry_after in (None, 2.0):
        waits = [Retries().wait(3, retry_after, draw) for _ in range(101)]
        assert len(set(waits)) == 101
        assert retry_after is None or min(waits) >= retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("0.25", 0.25),
        ("-5", 0.0),
        ("Mon, 23 Nov 2026 13:00:07 GMT", 7.0),
        ("Mon, 23 Nov 2026 12:00:07 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 99 Nov 2026 13:00:07 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, lambda: 1795438800.0) == seconds
