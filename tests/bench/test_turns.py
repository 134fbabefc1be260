"""Engines in turn: who goes when, what is done again, what counts."""

from collections.abc import Callable

import pytest

from encodery.bench.turns import Rounds, Turn, Turns, keep, percentile, take_turns


def quiet(*times: float) -> Turn:
    return Turn(tuple(map(float, times)), 0.0)


def disturbed(*times: float, cores: float = 0.5) -> Turn:
    return Turn(tuple(map(float, times)), cores)


class Script:
    """Engines that do as they are told, and a list of who was called."""

    def __init__(self, **turns: list[Turn]) -> None:
        self.calls: list[str] = []
        self._turns = turns

    def engines(self) -> dict[str, Callable[[], Turn]]:
        def engine(name: str) -> Callable[[], Turn]:
            def work() -> Turn:
                self.calls.append(name)
                return self._turns[name].pop(0)

            return work

        return {name: engine(name) for name in self._turns}


def test_another_engine_goes_first_each_round() -> None:
    script = Script(a=[quiet(1)] * 4, b=[quiet(2)] * 4, c=[quiet(3)] * 4)
    played = take_turns(script.engines(), Rounds(rounds=4, repeats=0))
    assert "".join(script.calls) == "abc" + "bca" + "cab" + "abc"
    assert {name: turns.seconds() for name, turns in played.items()} == {"a": 1, "b": 2, "c": 3}


def test_a_disturbed_turn_is_repeated_at_once() -> None:
    script = Script(a=[quiet(1)] * 3, b=[disturbed(9), quiet(2), quiet(2), quiet(2)])
    played = take_turns(script.engines(), Rounds(rounds=3, repeats=2))
    assert "".join(script.calls) == "abb" + "ba" + "ab"
    assert (played["b"].dropped, played["b"].seconds(), played["b"].is_quiet) == (1, 2, True)
    assert (played["a"].dropped, len(played["a"].kept)) == (0, 3)


def test_repeats_are_used_up_once_for_all_rounds() -> None:
    script = Script(a=[disturbed(float(n), cores=n / 10) for n in range(9, 2, -1)])
    played = take_turns(script.engines(), Rounds(rounds=3, repeats=2))
    assert len(script.calls) == 5
    kept = played["a"].kept  # the least disturbed three of five
    assert [turn.others_cores for turn in kept] == [0.5, 0.6, 0.7]
    assert (played["a"].is_quiet, played["a"].dropped) == (False, 2)


def test_no_engine_is_no_turn() -> None:
    assert take_turns({}, Rounds(rounds=3, repeats=1)) == {}


@pytest.mark.parametrize(
    ("played", "kept"),
    [
        ([quiet(1), disturbed(2), quiet(3), quiet(4)], [1.0, 3.0, 4.0]),
        ([quiet(1), disturbed(2, cores=0.3), disturbed(3, cores=0.2), disturbed(4)], [1.0, 3.0, 2.0]),
        ([disturbed(2)], [2.0]),
    ],
    ids=["three quiet ones are enough", "else the least disturbed", "only one was played"],
)
def test_what_counts(played: list[Turn], kept: list[float]) -> None:
    assert [turn.times[0] for turn in keep(played, 3).kept] == kept


def test_one_wanted_turn_needs_one_quiet_one() -> None:
    assert [turn.times[0] for turn in keep([disturbed(1), quiet(2)], 1).kept] == [2.0]


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1.0), (0.5, 6.0), (0.9, 10.0), (0.99, 11.0), (1.0, 11.0), (0.24, 3.0)]
)
def test_percentiles_are_times_that_occurred(share: float, value: float) -> None:
    times = [7.0, 1.0, 11.0, 3.0, 9.0, 5.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert percentile(times, share) == value


def test_percentiles_are_medians_over_turns() -> None:
    turns = Turns((quiet(1, 2, 3), quiet(10, 20, 30), quiet(4, 5, 6)), 0)
    assert (turns.seconds(), turns.seconds(1.0)) == (5, 6)
    assert turns.spread() == (2, 20)


def test_rates_count_requests_that_ran_together() -> None:
    turns = Turns((Turn((1.0,) * 7, 0.0, 2.0), Turn((1.0,) * 11, 0.0, 2.0), Turn((1.0,) * 9, 0.0, 2.0)), 0)
    assert turns.rate() == 4.5
