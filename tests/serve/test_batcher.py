"""Batches by tokens: full, in turn, fair, and without those for whom nobody waits; with a clock that stands still."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.serve.batcher import LOOK_AHEAD, Batcher, Taken, Unit


@dataclass(eq=False)
class Caller:
    name: str = ""
    deadline: float | None = None
    is_gone: bool = False

    def asks(self, *lengths: int, work: str = "predict") -> list[Unit]:
        return [Unit(self, work, length, record) for record, length in enumerate(lengths)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def names(taken: Taken | None) -> list[str]:
    assert taken is not None
    return [unit.asker.name for unit in taken.units if isinstance(unit.asker, Caller)]


def lengths(taken: Taken | None) -> list[int]:
    assert taken is not None
    return [unit.num_tokens for unit in taken.units]


def drain(batcher: Batcher) -> list[Taken]:
    batches = []
    while not batcher.is_empty:
        taken = batcher.take()
        assert taken is not None
        batches.append(taken)
    return batches


@pytest.fixture
def batcher() -> Batcher:
    return Batcher(100, Clock())


def test_what_is_there_is_taken_at_once(batcher: Batcher) -> None:
    batcher.add(Caller().asks(7))
    assert lengths(batcher.take()) == [7]
    assert batcher.is_empty


def test_sequences_of_many_requests_share_a_batch(batcher: Batcher) -> None:
    for name in "abc":
        batcher.add(Caller(name).asks(31))
    assert names(batcher.take()) == ["a", "b", "c"]


def test_a_batch_ends_before_it_has_too_many_tokens(batcher: Batcher) -> None:
    for name in "abcd":
        batcher.add(Caller(name).asks(40))
    assert [names(taken) for taken in drain(batcher)] == [["a", "b"], ["c", "d"]]


def test_a_batch_is_filled_to_the_last_token(batcher: Batcher) -> None:
    batcher.add(Caller().asks(50, 50, 1))
    assert lengths(batcher.take()) == [50, 50]


def test_a_sequence_that_is_longer_than_a_batch_stands_alone(batcher: Batcher) -> None:
    for name, length in (("small", 3), ("huge", 1000), ("late", 5)):
        batcher.add(Caller(name).asks(length))
    assert [names(taken) for taken in drain(batcher)] == [["small", "late"], ["huge"]]


def test_a_hole_is_filled_with_what_comes_later_and_fits(batcher: Batcher) -> None:
    for name, length in (("a", 60), ("b", 50), ("c", 40)):
        batcher.add(Caller(name).asks(length))
    assert [names(taken) for taken in drain(batcher)] == [["a", "c"], ["b"]]


def test_the_search_for_what_fits_ends(batcher: Batcher) -> None:
    batcher.add(Caller("first").asks(60))
    for _ in range(LOOK_AHEAD):
        batcher.add(Caller("wide").asks(50))
    batcher.add(Caller("fits").asks(40))
    assert names(batcher.take()) == ["first"]
    assert names(batcher.take()) == ["wide", "wide"]


def test_different_works_are_different_batches(batcher: Batcher) -> None:
    batcher.add(Caller("a").asks(5))
    batcher.add(Caller("b").asks(5, work="embed"))
    batcher.add(Caller("c").asks(5))
    assert [names(taken) for taken in drain(batcher)] == [["a", "c"], ["b"]]


def test_the_windows_of_a_long_record_span_batches(batcher: Batcher) -> None:
    batcher.add(Caller("long").asks(*[40] * 5))
    assert [lengths(taken) for taken in drain(batcher)] == [[40, 40], [40, 40], [40]]


def test_a_small_request_does_not_wait_for_a_huge_one(batcher: Batcher) -> None:
    batcher.add(Caller("huge").asks(*[20] * 500))
    assert names(batcher.take()) == ["huge"] * 5
    batcher.add(Caller("small").asks(20))
    assert "small" in names(batcher.take())


def test_a_huge_request_is_not_starved_by_small_ones(batcher: Batcher) -> None:
    """Ten times as many small requests arrive as can be computed, and the huge one still has its share."""
    batcher.add(Caller("huge").asks(*[20] * 50))
    served = 0
    for _ in range(2000):
        for _ in range(2):
            batcher.add(Caller("small").asks(50))
        served += names(batcher.take()).count("huge")
    assert served > 5


def test_requests_of_one_size_are_served_as_they_came(batcher: Batcher) -> None:
    served: list[str] = []
    for number in range(101):
        batcher.add(Caller(str(number)).asks(30))
        if number % 2:
            served += names(batcher.take())
    for taken in drain(batcher):
        served += names(taken)
    assert served == [str(number) for number in range(101)]


def test_who_is_gone_is_not_computed(batcher: Batcher) -> None:
    gone, stays = Caller("gone"), Caller("stays")
    batcher.add(gone.asks(20, 20))
    batcher.add(stays.asks(20))
    gone.is_gone = True
    assert names(batcher.take()) == ["stays"]


def test_if_all_are_gone_the_batch_is_empty(batcher: Batcher) -> None:
    gone = Caller("gone", is_gone=True)
    batcher.add(gone.asks(20))
    assert batcher.take() == Taken([], [])


def test_who_is_too_late_is_not_computed_and_is_told_once() -> None:
    clock = Clock()
    batcher = Batcher(100, clock)
    late, early = Caller("late", deadline=101.0), Caller("early", deadline=102.0)
    batcher.add(late.asks(20, 20))
    batcher.add(early.asks(20))
    clock.now = 101.0
    taken = batcher.take()
    assert names(taken) == ["early"]
    assert taken is not None
    assert taken.late == [late]


def test_a_closed_queue_gives_nothing(batcher: Batcher) -> None:
    batcher.add(Caller().asks(20))
    batcher.close()
    assert batcher.take() is None


def test_who_waits_for_work_is_woken(batcher: Batcher) -> None:
    taken: list[Taken | None] = []
    waiting = Thread(target=lambda: taken.append(batcher.take()))
    waiting.start()
    batcher.add(Caller("a").asks(3))
    waiting.join(timeout=10)
    assert [names(batch) for batch in taken] == [["a"]]


def test_who_waits_is_woken_when_the_queue_is_closed(batcher: Batcher) -> None:
    taken: list[Taken | None] = []
    waiting = Thread(target=lambda: taken.append(batcher.take()))
    waiting.start()
    batcher.close()
    waiting.join(timeout=10)
    assert taken == [None]


@given(st.lists(st.lists(st.integers(1, 130), min_size=1, max_size=11), min_size=1, max_size=11))
def test_all_is_taken_once_and_in_the_order_of_its_request(requests: Sequence[list[int]]) -> None:
    batcher = Batcher(100, Clock())
    callers = [Caller(str(number)) for number in range(len(requests))]
    for caller, asked in zip(callers, requests, strict=True):
        batcher.add(caller.asks(*asked))
    batches = drain(batcher)
    assert all(sum(lengths(taken)) <= 100 or len(taken.units) == 1 for taken in batches)
    taken = [unit for batch in batches for unit in batch.units]
    assert sorted((unit.asker.name, unit.record) for unit in taken if isinstance(unit.asker, Caller)) == sorted(
        (caller.name, record) for caller, asked in zip(callers, requests, strict=True) for record in range(len(asked))
    )


@given(st.lists(st.integers(1, 50), min_size=1, max_size=23))
def test_batches_are_at_least_half_full_while_others_wait(asked: list[int]) -> None:
    batcher = Batcher(100, Clock())
    batcher.add(Caller().asks(*asked))
    batches = drain(batcher)
    assert all(sum(lengths(first)) + min(lengths(second)) > 100 for first, second in pairwise(batches))
