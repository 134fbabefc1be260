"""Short sequences first, and no step that depends on what was asked for before."""

from pathlib import Path

import pytest

from encodery.data.shards import Shards
from encodery.objectives.seqlen_warmup import warmed_up
from tests.objectives.test_objective import MAX_SEQLEN, assert_same, folder, pretraining

__all__ = ["folder"]


@pytest.mark.parametrize("steps", [1, 13])
def test_the_first_steps_are_short_and_the_others_as_without(folder: Path, steps: int) -> None:
    short, full = (pretraining(Shards.open(folder), max_seqlen=length) for length in (17, MAX_SEQLEN))
    batch = warmed_up(short.batch, full.batch, steps)
    longest = [batch(step).max_seqlen for step in range(29)]
    assert all(length <= 17 for length in longest[:steps])
    assert max(longest[steps:]) > 17
    for step in (28, 0, steps - 1, steps):  # in any order
        assert_same(batch(step), (short if step < steps else full).batch(step))
