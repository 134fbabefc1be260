"""Every token of a step is computed by one rank, and every rank has as many pieces as any other."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from encodery.train.shares import pieces_of
from tests.test_batch import example_batch


@given(st.lists(st.integers(1, 23), min_size=1, max_size=17), st.integers(1, 5), st.integers(1, 61))
def test_the_pieces_of_all_ranks_are_the_batch(lengths: list[int], world_size: int, most: int) -> None:
    batch = example_batch(lengths, ())
    ranks = [pieces_of(batch, most, rank, world_size) for rank in range(world_size)]
    assert len({len(pieces) for pieces in ranks}) == 1
    own = [piece.batch for pieces in ranks for piece in pieces if piece.own]
    assert torch.equal(torch.cat([piece.input_ids for piece in own]), batch.input_ids)
    assert all(piece.num_tokens <= max(most, *lengths) for piece in own)
    borrowed = [piece.batch for pieces in ranks for piece in pieces if not piece.own]
    assert all(piece.num_tokens == min(lengths) for piece in borrowed)


def test_one_rank_has_the_pieces_it_always_had() -> None:
    batch = example_batch()
    assert [piece.batch.num_tokens for piece in pieces_of(batch, 7)] == [6, 7, 5]
    assert [piece.batch for piece in pieces_of(batch, 100)] == [batch]


def test_a_rank_without_a_share_borrows_the_shortest_example() -> None:
    batch = example_batch((7,), ())
    first, second = (pieces_of(batch, 100, rank, 2) for rank in (0, 1))
    assert sorted([first[0].own, second[0].own]) == [False, True]
    assert first[0].batch.num_tokens == second[0].batch.num_tokens == 7
    assert first[0].to(torch.device("meta")).batch.input_ids.is_meta
