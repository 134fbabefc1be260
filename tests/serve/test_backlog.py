"""What is refused because too much waits, with a clock that moves only when told to."""

from typing import Any

import pytest

from encodery.serve.answers import DeadlineExceeded, Overloaded
from encodery.serve.backlog import FIRST_RATIO, PER_RECORD, Backlog, characters, size_of

BATCH = 100


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def backlog(clock: Clock) -> Backlog:
    """1,000 tokens a second, a second of queue."""
    backlog = Backlog(1.0, clock)
    backlog.begin(BATCH, 1000.0)
    return backlog


def size(tokens: float) -> int:
    """Of a request of so many tokens, as long as there are no answers that tell better."""
    return round(tokens / FIRST_RATIO)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("größer", 6),
        ({"text": "ab", "text_pair": "cde"}, 5),
        (["a", "bc"], 3),
        ({"tokens": ["a", "bc"], "n": 3}, 3),
        (None, 0),
        (3.5, 0),
        ({}, 0),
    ],
)
def test_characters_of_all_texts_are_counted(value: Any, count: int) -> None:
    assert characters(value) == count


def test_every_record_costs_a_little_more_than_its_text() -> None:
    assert size_of(["", "abc", {"text": "de"}]) == 5 + 3 * PER_RECORD


def test_an_empty_queue_takes_any_request(backlog: Backlog) -> None:
    place = backlog.enter(size(50_000), None)
    assert backlog.seconds == pytest.approx(50.0)
    backlog.leave(place)
    assert backlog.seconds == 0.0


def test_a_request_that_would_wait_for_too_long_is_refused(backlog: Backlog) -> None:
    for _ in range(11):
        backlog.enter(size(BATCH), None)
    with pytest.raises(Overloaded, match=r"the queue is 1\.100 s long, at most 1 s are allowed") as refused:
        backlog.enter(size(BATCH), None)
    assert refused.value.retry_after == pytest.approx(0.1)


def test_what_was_refused_takes_no_place(backlog: Backlog) -> None:
    places = [backlog.enter(size(BATCH), None) for _ in range(11)]
    before = backlog.tokens
    with pytest.raises(Overloaded):
        backlog.enter(size(BATCH), None)
    assert backlog.tokens == before
    backlog.leave(places[0])
    backlog.enter(size(BATCH), None)


def test_a_small_request_waits_for_no_more_than_its_share_of_a_huge_one(backlog: Backlog) -> None:
    backlog.enter(size(50_000), None)
    backlog.enter(size(10), None)
    with pytest.raises(Overloaded):
        backlog.enter(size(BATCH + 10), None)


def test_a_deadline_that_cannot_be_met_is_refused_at_once(backlog: Backlog, clock: Clock) -> None:
    backlog.enter(size(BATCH), None)
    backlog.enter(size(50), clock.now + 0.151)
    with pytest.raises(DeadlineExceeded, match=r"the deadline cannot be met: 0\.150 s of other work come first"):
        backlog.enter(size(50), clock.now + 0.199)


def test_a_deadline_that_has_passed_is_refused_whatever_the_queue(clock: Clock) -> None:
    backlog = Backlog(1.0, clock)  # no worker has told how fast it is
    with pytest.raises(DeadlineExceeded):
        backlog.enter(size(1), clock.now - 0.001)
    backlog.enter(size(1_000_000), clock.now + 0.001)


def test_the_speed_is_that_of_a_full_queue(backlog: Backlog, clock: Clock) -> None:
    """The worker turns out to be four times slower than it was when it warmed up."""
    for _ in range(10):
        backlog.enter(size(BATCH), None)
    backlog.note(0)
    for step in range(1, 101):
        clock.now += 0.4
        backlog.note(step * BATCH)
    assert backlog.tokens_per_second == pytest.approx(250.0, rel=0.01)
    with pytest.raises(Overloaded, match=r"the queue is 4\.00\d s long"):
        backlog.enter(size(BATCH), None)


def test_a_queue_that_is_as_short_as_it_must_be_tells_the_speed_too(clock: Clock) -> None:
    """At 1,000 tokens a second, 50 ms of queue are half a batch."""
    backlog = Backlog(0.05, clock)
    backlog.begin(BATCH, 1000.0)
    backlog.enter(size(45), None)
    backlog.note(0)
    for step in range(1, 101):
        clock.now += 0.4
        backlog.note(step * BATCH)
    assert backlog.tokens_per_second == pytest.approx(250.0, rel=0.01)


def test_a_worker_that_waits_for_work_is_not_slow(backlog: Backlog, clock: Clock) -> None:
    for step in range(1, 101):
        place = backlog.enter(size(5), None)
        clock.now += 0.4
        backlog.note(step * 5)
        backlog.leave(place)
    assert backlog.tokens_per_second == pytest.approx(1000.0)


def test_a_new_worker_counts_from_nothing(backlog: Backlog, clock: Clock) -> None:
    for _ in range(10):
        backlog.enter(size(BATCH), None)
    backlog.note(1_000_000)
    backlog.begin(BATCH, 500.0)
    clock.now += 0.1
    backlog.note(50)
    clock.now += 0.1
    backlog.note(100)
    assert backlog.tokens_per_second == pytest.approx(500.0)


def test_answers_tell_how_many_tokens_characters_are(backlog: Backlog) -> None:
    for _ in range(1000):
        backlog.learn(100, 50)
    place = backlog.enter(1000, None)
    assert place.tokens == pytest.approx(500.0, rel=0.01)


def test_the_queue_is_empty_when_all_have_left(backlog: Backlog) -> None:
    places = []
    for number in range(53):
        places.append(backlog.enter(size(number % 7 + 0.3), None))
        backlog.learn(10, number % 5 + 1)
    for place in places:
        backlog.leave(place)
    assert backlog.tokens == pytest.approx(0.0, abs=1e-6)
    assert backlog.seconds >= 0.0
