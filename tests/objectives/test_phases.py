"""Phases begin where they say, and go on in the text where those before them end."""

from pathlib import Path

import numpy as np
import pytest

from encodery.data.shards import Shards
from encodery.errors import UserError
from encodery.objectives.phases import Course, Phase, Stretch, stretches, total_tokens
from tests.objectives.corpora import MAX_SEQLEN, assert_same, pretraining


def test_the_stretches_of_berts_two_lengths() -> None:
    parts = stretches([Phase(start=0.9, max_seqlen=512)], 1_000_000, 128, 131_072)
    assert parts == [Stretch(0, 128, 131_072), Stretch(900_000, 512, 131_072)]
    assert total_tokens(parts, 1_000_000) == 1_000_000 * 131_072


def test_what_a_phase_leaves_out_stays_as_it_was() -> None:
    phases = [Phase(start=0.1, tokens_per_step=200), Phase(start=0.5, max_seqlen=64), Phase(start=0.75, max_seqlen=8)]
    parts = stretches(phases, 40, 32, 100)
    assert parts == [Stretch(0, 32, 100), Stretch(4, 32, 200), Stretch(20, 64, 200), Stretch(30, 8, 200)]
    assert total_tokens(parts, 40) == 4 * 100 + 36 * 200


def test_a_phase_too_short_for_a_step_falls_away() -> None:
    phases = [Phase(start=0.5, max_seqlen=16), Phase(start=0.51, max_seqlen=24), Phase(start=0.99, max_seqlen=8)]
    assert stretches(phases, 10, 32, 100) == [Stretch(0, 32, 100), Stretch(5, 24, 100)]


def test_phases_must_be_in_order() -> None:
    with pytest.raises(ValueError, match=r"phases start at 0.5, 0.25; each must start later than the one before it"):
        stretches([Phase(start=0.5, max_seqlen=16), Phase(start=0.25, max_seqlen=24)], 10, 32, 100)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"start": 0.5}, "the phase that starts at 0.5 changes nothing; give max_seqlen, tokens_per_step"),
        ({"start": 1.0, "max_seqlen": 16}, "start = 1.0: input should be less than 1"),
        ({"start": 0.5, "max_seqlen": 7}, "max_seqlen = 7: input should be greater than or equal to 8"),
    ],
)
def test_a_phase_that_is_none(values: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Phase.parse(values, "recipe.toml")


def asked(parts: list[Stretch], steps: int) -> list[tuple[int, int, int]]:
    """What each step asks of whom: (max_seqlen, tokens_per_step, step of that kind)."""
    course = Course(parts, lambda max_seqlen, tokens_per_step: (max_seqlen, tokens_per_step))
    return [(*kind, own) for kind, own in map(course.at, range(steps))]


def test_a_larger_batch_goes_on_where_the_smaller_ones_ended() -> None:
    parts = stretches([Phase(start=0.5, tokens_per_step=300), Phase(start=0.8, tokens_per_step=400)], 10, 32, 100)
    # 5 steps of 100, then 3 of 300: 500 tokens are under 2 steps of 300, 1100 (or 1400) under 4 of 400
    places = [step for _, _, step in asked(parts, 10)]
    assert places == [0, 1, 2, 3, 4, 2, 3, 4, 4, 5]


def test_other_lengths_alone_count_the_steps_on() -> None:
    parts = stretches([Phase(start=0.5, max_seqlen=64)], 6, 32, 100)
    assert asked(parts, 6) == [(32, 100, 0), (32, 100, 1), (32, 100, 2), (64, 100, 3), (64, 100, 4), (64, 100, 5)]


def test_the_runs_of_a_stretch_of_steps_are_those_of_its_steps() -> None:
    parts = stretches([Phase(start=0.5, tokens_per_step=300), Phase(start=0.8, tokens_per_step=400)], 10, 32, 100)
    course = Course(parts, lambda _, tokens_per_step: tokens_per_step)
    for start, stop in ((0, 10), (3, 9), (6, 7), (4, 4), (0, 5)):
        steps = [(made, own) for made, low, high in course.runs(start, stop) for own in range(low, high)]
        assert steps == [course.at(step) for step in range(start, stop)]


def test_real_batches_in_any_order(folder: Path) -> None:
    shards = Shards.open(folder)
    parts = stretches([Phase(start=0.5, max_seqlen=MAX_SEQLEN)], 14, 17, 521)
    short, full = (pretraining(shards, max_seqlen=length) for length in (17, MAX_SEQLEN))
    course = Course(parts, lambda max_seqlen, _: pretraining(shards, max_seqlen=max_seqlen))
    for step in np.random.default_rng(0).permutation(14).tolist():
        objective, own = course.at(step)
        assert_same(objective.batch(own), (short if step < 7 else full).batch(step))
