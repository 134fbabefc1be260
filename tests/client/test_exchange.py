"""The order of sending and waiting, without a network and without time."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.client.errors import DeadlineError, ServiceError, UnavailableError
from encodery.client.exchange import Call, Reply, Send, Wait, exchange
from encodery.client.retries import Retries

OVERLOADED = Reply(429, {}, b'{"code": "overloaded", "message": "full"}')
Step = Send | Wait


class Time:
    """A clock that is moved by waiting alone, and by `each` second for every reply."""

    def __init__(self, each: float = 0.0) -> None:
        self.now = 100.0
        self.each = each

    def play(self, call: Call[Any], reply: Callable[[int], Reply | ServiceError]) -> tuple[list[Step], Any]:
        """All steps, and the result or the error."""
        steps: list[Step] = []
        generator = exchange(call, lambda: self.now, lambda low, high: high)
        answer: Reply | ServiceError | None = None
        try:
            while True:
                steps.append(generator.send(answer))
                if isinstance(steps[-1], Wait):
                    self.now += steps[-1].seconds
                    answer = None
                else:
                    answer = reply(sum(isinstance(step, Send) for step in steps))
                    self.now += self.each
        except StopIteration as done:
            return steps, done.value
        except ServiceError as error:
            return steps, error


def asked(retries: Retries, timeout: float = 60.0) -> Call[Any]:
    return Call("POST", "/x", lambda answer: answer, b"{}", {"a": "b"}, timeout, retries)


def test_waits_double_up_to_the_longest() -> None:
    steps, error = Time().play(asked(Retries(5, base=0.1, longest=0.5)), lambda _: OVERLOADED)
    assert [step.seconds for step in steps if isinstance(step, Wait)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    assert isinstance(error, UnavailableError)


def test_the_server_is_told_what_is_left() -> None:
    steps, found = Time(each=1.0).play(
        asked(Retries(base=0.5), timeout=7.0), lambda sent: OVERLOADED if sent < 3 else Reply(200, {}, b"[3]")
    )
    told = [step.headers["X-Request-Deadline-Ms"] for step in steps if isinstance(step, Send)]
    assert told == ["7000", "5500", "3500"]
    assert found == [3]


def test_no_wait_goes_past_the_end() -> None:
    steps, error = Time().play(asked(Retries(99, base=1.0), timeout=6.5), lambda _: OVERLOADED)
    assert [step.seconds for step in steps if isinstance(step, Wait)] == [1.0, 2.0]  # 4 more would be 7
    assert isinstance(error, UnavailableError)


def test_what_the_server_asks_is_waited_and_some_more() -> None:
    reply = Reply(503, {"retry-after": "2"}, b"")
    steps, _ = Time().play(asked(Retries(1, spread=0.25)), lambda _: reply)
    assert [step.seconds for step in steps if isinstance(step, Wait)] == [2.5]


def test_an_answer_that_took_all_the_time_is_taken() -> None:
    _, found = Time(each=9.0).play(asked(Retries(), timeout=8.0), lambda _: Reply(200, {}, b"7"))
    assert found == 7


def test_nothing_is_sent_without_time() -> None:
    steps, error = Time().play(asked(Retries(), timeout=0.0), lambda _: OVERLOADED)
    assert not steps
    assert isinstance(error, DeadlineError)


replies = st.one_of(
    st.builds(
        Reply,
        st.integers(100, 599),
        st.fixed_dictionaries({}, optional={"retry-after": st.text(max_size=7), "x-request-id": st.text(max_size=5)}),
        st.one_of(
            st.binary(max_size=20),
            st.recursive(
                st.none() | st.text(max_size=5) | st.floats() | st.integers(),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(["code", "message", "field", "hint", "request_id"]),
                        inner,
                        max_size=4,
                    )
                ),
                max_leaves=7,
            ).map(lambda body: json.dumps(body).encode()),
        ),
    ),
    st.just(UnavailableError("connection", "refused")),
)


@given(st.lists(replies, min_size=1, max_size=7), st.floats(0.001, 100))
def test_whatever_comes_there_is_a_result_or_an_error_and_an_end(
    said: list[Reply | ServiceError], timeout: float
) -> None:
    time = Time(each=0.5)
    steps, found = time.play(asked(Retries(4), timeout), lambda sent: said[min(sent, len(said)) - 1])
    sent = [step for step in steps if isinstance(step, Send)]
    assert len(sent) <= 5
    assert time.now - 100 <= timeout + 0.5
    assert all(step.timeout <= timeout + 1e-9 for step in sent)  # what is left of it is a difference
    last = said[min(len(sent), len(said)) - 1] if sent else None
    if isinstance(found, ServiceError):
        assert found.message
        assert found.field is None or isinstance(found.field, str)
    else:
        assert isinstance(last, Reply)
        assert last.status == 200


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/inputs/3/text", "/inputs/513/text"),
        ("/inputs/3", "/inputs/513"),
        ("/input/3", "/input/513"),
        ("/model", "/model"),
        ("/inputs", "/inputs"),
        ("/inputs/x/text", "/inputs/x/text"),
        ("", ""),
    ],
)
def test_pointers_are_those_of_the_whole_list(pointer: str, expected: str) -> None:
    body = json.dumps({"code": "invalid_input", "message": "no", "field": pointer}).encode()
    call: Call[Any] = Call("POST", "/x", lambda answer: answer, first=510)
    _, error = Time().play(call, lambda _: Reply(422, {}, body))
    assert error.field == expected
