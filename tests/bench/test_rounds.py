"""Engines in turn, disturbed rounds dropped and repeated; played with engines that only pretend."""

import pytest

from encodery.bench.rounds import Block, Outcome, Plan, Round, alternate, seconds_per_step, select


class Pretender:
    """An engine whose steps take a set time; `others` says how disturbed each block is, the last value for ever."""

    def __init__(
        self, name: str, journal: list[str], step_seconds: float, others: tuple[float, ...] = (0.0,)
    ) -> None:
        self.name = name
        self.journal = journal
        self.step_seconds = step_seconds
        self.others = list(others)
        self.runs = 0

    def run(self, steps: int) -> Block:
        self.runs += 1
        self.journal.append(f"{self.name}{steps}")
        others = 0.0
        if self.runs > 2:  # the first two only find out how long a step takes
            others = self.others.pop(0) if len(self.others) > 1 else self.others[0]
        return Block(
            seconds=steps * self.step_seconds, tokens=steps * 4096, peak_bytes=self.runs, others_cores=others
        )


def make_round(others_cores: float) -> Round:
    quiet = Block(seconds=1.0, tokens=7, peak_bytes=0, others_cores=0.0)
    return Round(quiet, Block(seconds=1.0, tokens=7, peak_bytes=0, others_cores=others_cores))


def test_engines_alternate_and_take_turns_in_going_first() -> None:
    journal: list[str] = []
    ours, peer = Pretender("o", journal, 0.5), Pretender("p", journal, 3.0)
    outcome = alternate(ours, peer, Plan(rounds=3, repeats=2, block_seconds=4.0))
    # one step to warm up, one or more to time; then blocks of about 4 s: 8 steps of ours, 1 of the peer's
    assert journal == ["o1", "o1", "o2", "p1", "p1", "o8", "p1", "p1", "o8", "o8", "p1"]
    assert (outcome.ours_steps, outcome.peer_steps) == (8, 1)
    assert [(r.ours.tokens, r.peer.tokens) for r in outcome.rounds] == [(8 * 4096, 4096)] * 3
    assert outcome.facts() == {"rounds": 3, "dropped_rounds": 0, "quiet": True, "others_cores": 0.0}


def test_disturbed_rounds_are_repeated() -> None:
    journal: list[str] = []
    ours = Pretender("o", journal, 1.0, (0.0, 0.9, 0.0, 0.05))
    peer = Pretender("p", journal, 1.0, (0.7, 0.0, 0.1, 0.0))
    outcome = alternate(ours, peer, Plan(rounds=3, repeats=5, block_seconds=1.0))
    assert [r.others_cores for r in outcome.rounds] == [0.1, 0.05, 0.05]
    assert outcome.facts() == {"rounds": 3, "dropped_rounds": 2, "quiet": True, "others_cores": 0.05}


def test_repeats_are_bounded_and_the_disturbance_is_said() -> None:
    journal: list[str] = []
    ours = Pretender("o", journal, 1.0, (0.5, 0.3, 0.9, 0.2, 0.7))
    outcome = alternate(ours, Pretender("p", journal, 1.0), Plan(rounds=3, repeats=2, block_seconds=1.0))
    assert [r.others_cores for r in outcome.rounds] == [0.2, 0.3, 0.5]
    assert outcome.facts() == {"rounds": 3, "dropped_rounds": 2, "quiet": False, "others_cores": 0.3}


def test_three_quiet_rounds_are_enough_for_a_median() -> None:
    played = [make_round(others) for others in (0.01, 0.4, 0.02, 0.5, 0.03)]
    assert [r.others_cores for r in select(played, wanted=5)] == [0.01, 0.02, 0.03]


def test_two_quiet_rounds_are_not() -> None:
    played = [make_round(others) for others in (0.01, 0.4, 0.02, 0.5, 0.2)]
    assert [r.others_cores for r in select(played, wanted=3)] == [0.01, 0.02, 0.2]


@pytest.mark.parametrize(("others", "quiet"), [(0.15, True), (0.16, False)])
def test_a_round_is_as_disturbed_as_its_worse_half(others: float, quiet: bool) -> None:
    left = make_round(others)
    assert left.is_quiet is quiet
    assert Round(left.peer, left.ours).is_quiet is quiet
    assert Outcome((make_round(0.0), left), 0, 1, 1).is_quiet is quiet


@pytest.mark.parametrize(("step_seconds", "steps"), [(0.01, 400), (1.3, 3), (2.1, 2), (9.7, 1)])
def test_blocks_last_about_as_long_as_planned(step_seconds: float, steps: int) -> None:
    ours, peer = Pretender("o", [], step_seconds), Pretender("p", [], 0.5)
    outcome = alternate(ours, peer, Plan(rounds=1, repeats=0, block_seconds=4.0))
    assert (outcome.ours_steps, outcome.peer_steps) == (steps, 8)


def test_the_slower_engine_has_its_least_steps_and_the_other_as_long() -> None:
    ours, peer = Pretender("o", [], 0.7), Pretender("p", [], 4.3)
    plan = Plan(rounds=1, repeats=0, block_seconds=4.0, least_steps=3)
    outcome = alternate(ours, peer, plan)
    assert (outcome.ours_steps, outcome.peer_steps) == (18, 3)  # 12.9 s
    quick = alternate(ours, Pretender("p", [], 0.1), plan)
    assert (quick.ours_steps, quick.peer_steps) == (6, 40)  # 4 s


class Hoarder:
    """Every 16th step does the work of 16, from the first on."""

    def __init__(self) -> None:
        self.done = 0

    def run(self, steps: int) -> Block:
        works = sum(step % 16 == 0 for step in range(self.done, self.done + steps))
        self.done += steps
        return Block(seconds=1e-6 * steps + 0.16 * works, tokens=7, peak_bytes=0, others_cores=0.0)


def test_steps_that_live_on_the_work_of_another_do_not_deceive() -> None:
    assert 4.0 / seconds_per_step(Hoarder(), block_seconds=4.0) == pytest.approx(400, rel=0.1)
