"""Short sequences first, anywhere among the positions, and no step that depends on what was asked for before."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from encodery.data.shards import Shards
from encodery.objectives.seqlen_warmup import shifted, warmed_up
from tests.objectives.corpora import MAX_SEQLEN, SEED, assert_same, pretraining


@pytest.mark.parametrize("steps", [1, 13])
def test_the_first_steps_are_short_and_the_others_as_without(folder: Path, steps: int) -> None:
    short, full = (pretraining(Shards.open(folder), max_seqlen=length) for length in (17, MAX_SEQLEN))
    batch = warmed_up(short.batch, full.batch, steps, MAX_SEQLEN, SEED)
    longest = [batch(step).max_seqlen for step in range(29)]
    assert all(length <= 17 for length in longest[:steps])
    assert max(longest[steps:]) > 17
    for step in (28, 0, steps - 1, steps):  # in any order
        is_short = step < steps
        expected = (short if is_short else full).batch(step)
        assert_same(replace(batch(step), position_ids=expected.position_ids), expected)
        assert torch.equal(batch(step).position_ids, expected.position_ids) == (not is_short)
        assert_same(batch(step), batch(step))


def test_a_short_sequence_begins_at_any_position_that_has_room_behind_it(folder: Path) -> None:
    short = pretraining(Shards.open(folder), max_seqlen=17)
    starts, ends = set(), set()
    for step in range(53):
        batch = short.batch(step)
        moved = shifted(batch, MAX_SEQLEN, SEED, step)
        shift = moved.position_ids - batch.position_ids
        lengths = batch.cu_seqlens.diff()
        assert torch.equal(shift, shift[batch.first_tokens].repeat_interleave(lengths))  # one for each sequence
        starts |= set(moved.position_ids[batch.first_tokens].tolist())
        ends |= set(moved.position_ids[batch.cu_seqlens[1:] - 1].tolist())
    assert starts >= set(range(MAX_SEQLEN - 17 + 1))
    assert min(starts) == 0
    assert max(ends) == MAX_SEQLEN - 1


def test_steps_and_seeds_are_shifted_apart(folder: Path) -> None:
    batch = pretraining(Shards.open(folder), max_seqlen=17).batch(0)
    places = {
        tuple(shifted(batch, MAX_SEQLEN, seed, step).position_ids.tolist()) for seed in (1, 2) for step in (0, 1)
    }
    assert len(places) == 4


def test_a_sequence_that_fills_the_positions_stays(folder: Path) -> None:
    batch = pretraining(Shards.open(folder), max_seqlen=17).batch(0)
    full = batch.cu_seqlens.diff() == 17
    assert full.any()
    moved = shifted(batch, 17, SEED, 0).position_ids - batch.position_ids
    assert not moved[full.repeat_interleave(batch.cu_seqlens.diff())].any()
