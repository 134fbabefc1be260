"""A run that ends by the clock: how long it will be, when it is over, and what it has spent before."""

import pytest

from encodery.config import Config
from encodery.errors import UserError
from encodery.train.budget import Budget, Duration


class Table(Config):
    time: Duration


class Clock:
    """Time as the test has it."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("written", "seconds"), [("45s", 45.0), ("30m", 1800.0), ("2h", 7200.0), (" 1.5 d ", 129_600.0), ("0.5s", 0.5)]
)
def test_a_time_is_written_with_its_unit(written: str, seconds: float) -> None:
    table = Table.parse({"time": written}, "recipe.toml")
    assert table.time == seconds
    assert Table.parse(table.model_dump(), "recipe.toml") == table


@pytest.mark.parametrize(
    "written", ["", "2", "h", "two hours", "2h 30m", "-3h", "0s", "0.0h", 7200, None, True, "1e3s"]
)
def test_what_is_no_time(written: object) -> None:
    with pytest.raises(
        UserError, match=r'a time above zero is a number with its unit: "45s", "30m", "2h" or "1\.5d"'
    ):
        Table.parse({"time": written}, "recipe.toml")


def later(budget: Budget, clock: Clock, seconds: float) -> Budget:
    clock.now += seconds
    budget.look()
    return budget


def test_steps_are_those_of_the_pace_so_far(clock: Clock) -> None:
    budget = Budget(100.0, clock=clock)
    assert budget.total_steps(0, 997) == 997
    later(budget, clock, 20.0)
    assert budget.total_steps(10, 997) == 50
    assert budget.total_steps(10, 31) == 31
    assert later(budget, clock, 60.0).total_steps(20, 997) == 25


def test_while_there_is_time_there_is_another_step(clock: Clock) -> None:
    budget = later(Budget(100.0, clock=clock), clock, 99.0)
    assert not budget.is_spent
    assert budget.total_steps(17, 997) == 18
    assert budget.total_steps(17, 17) == 17


def test_at_the_end_the_step_is_the_last(clock: Clock) -> None:
    budget = later(Budget(100.0, clock=clock), clock, 99.9)
    assert not budget.is_spent
    assert later(budget, clock, 0.1).is_spent
    assert budget.total_steps(17, 997) == 17
    assert later(budget, clock, 50.0).total_steps(17, 997) == 17


def test_what_earlier_sittings_spent_counts(clock: Clock) -> None:
    budget = Budget(100.0, spent=60.0, clock=clock)
    assert budget.spent == 60.0
    assert budget.total_steps(30, 997) == 50
    assert later(budget, clock, 40.0).is_spent


def test_it_is_as_late_as_at_the_last_look(clock: Clock) -> None:
    budget = Budget(100.0, clock=clock)
    clock.now += 200.0
    assert not budget.is_spent
    budget.look(lambda now: now() / 4)  # the time of another process
    assert budget.spent == 50.0


def test_each_tenth_passes_once(clock: Clock) -> None:
    budget = Budget(100.0, spent=35.0, clock=clock)
    passed = [later(budget, clock, 5.0).passes_tenth() for _ in range(13)]
    assert passed == [True, False, True, False, True, False, True, False, True, False, True, False, True]
    assert not budget.passes_tenth()


def test_without_a_limit_there_is_all_the_time(clock: Clock) -> None:
    budget = later(Budget(None, clock=clock), clock, 1e9)
    assert not budget.is_limited
    assert not budget.is_spent
    assert not budget.passes_tenth()
    assert budget.total_steps(3, 997) == 997
