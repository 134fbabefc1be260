"""One item ahead, in order, with the errors in their place."""

import threading
from collections.abc import Iterator

import pytest

from encodery.serve.ahead import ahead


def test_the_same_items_in_order() -> None:
    assert list(ahead(range(17))) == list(range(17))
    assert list(ahead([])) == []


def test_one_is_made_ahead_and_no_more() -> None:
    made: list[int] = []
    second = threading.Event()

    def items() -> Iterator[int]:
        for number in range(7):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    found = ahead(items())
    assert next(found) == 0
    assert second.wait(5)
    assert made == [0, 1]
    found.close()  # type: ignore[attr-defined]
    assert made == [0, 1]


def test_an_error_comes_behind_what_was_made_before() -> None:
    def items() -> Iterator[int]:
        yield 3
        raise ValueError("no fourth")

    found = ahead(items())
    assert next(found) == 3
    with pytest.raises(ValueError, match="no fourth"):
        next(found)
