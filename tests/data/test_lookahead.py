"""Reading ahead in a thread."""

from threading import Event

from encodery.data.lookahead import Lookahead
from encodery.errors import UserError


def test_one_thing_at_a_time_and_errors_are_passed_over() -> None:
    seen: list[int] = []
    go = Event()

    def read(number: int) -> None:
        seen.append(number)
        go.wait()
        raise UserError("it will be said when it is read in earnest")

    ahead = Lookahead(read)
    ahead.wait()
    ahead.ask(3)
    ahead.ask(4)
    go.set()
    ahead.wait()
    ahead.ask(5)
    ahead.wait()
    assert seen == [3, 5]
