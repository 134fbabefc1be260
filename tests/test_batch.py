"""Packing lays sequences end to end; splitting and padding lose nothing."""

from collections.abc import Sequence as Many
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from encodery.batch import IGNORE_INDEX, Batch, LossOutput, Sequence, pack

LENGTHS = (5, 1, 7, 2, 3)


def example_batch(lengths: Many[int] = LENGTHS, scored: Many[int] = (1, 4, 5, 12, 17)) -> Batch:
    """Every field present and every token different, so that a wrong slice cannot pass."""
    tokens = sum(lengths)
    bounds = torch.tensor([0, *lengths]).cumsum(0)
    return Batch(
        input_ids=torch.arange(101, 101 + tokens),
        position_ids=torch.cat([torch.arange(length) for length in lengths]),
        cu_seqlens=bounds.int(),
        max_seqlen=max(lengths),
        token_type_ids=torch.arange(tokens) % 2,
        language_ids=torch.arange(tokens) % 3,
        labels=torch.tensor([200 + index for index in scored], dtype=torch.int64),
        label_index=torch.tensor(scored, dtype=torch.int64),
        sequence_labels=torch.arange(len(lengths)) + 300,
        cu_examples=torch.arange(len(lengths) + 1).int(),
    )


def join(parts: Many[Batch]) -> Batch:
    """The inverse of `split`."""

    def cat(name: str) -> Any:
        return torch.cat([getattr(part, name) for part in parts])

    starts = torch.tensor([0, *(part.num_tokens for part in parts)]).cumsum(0).tolist()
    firsts = torch.tensor([0, *(part.num_sequences for part in parts)]).cumsum(0).tolist()
    examples = [part.example_bounds[1:] + first for part, first in zip(parts, firsts, strict=False)]
    bounds = [part.cu_seqlens[1:] + start for part, start in zip(parts, starts, strict=False)]
    label_index = [part.label_index + start for part, start in zip(parts, starts, strict=False)]
    return Batch(
        input_ids=cat("input_ids"),
        position_ids=cat("position_ids"),
        cu_seqlens=torch.cat([torch.zeros(1, dtype=torch.int32), *bounds]).int(),
        max_seqlen=max(part.max_seqlen for part in parts),
        token_type_ids=cat("token_type_ids"),
        language_ids=cat("language_ids"),
        labels=cat("labels"),
        label_index=torch.cat(label_index),
        sequence_labels=cat("sequence_labels"),
        cu_examples=torch.cat([torch.zeros(1, dtype=torch.int32), *examples]).int(),
        source=None if parts[0].source is None else join([part.source for part in parts if part.source is not None]),
    )


def assert_same(found: Batch, expected: Batch) -> None:
    for item in fields(Batch):
        ours, theirs = getattr(found, item.name), getattr(expected, item.name)
        if isinstance(theirs, Tensor):
            assert isinstance(ours, Tensor)
            assert ours.dtype == theirs.dtype, item.name
            assert ours.tolist() == theirs.tolist(), item.name
        elif isinstance(theirs, Batch):
            assert_same(ours, theirs)
        else:
            assert ours == theirs, item.name


def test_pack_lays_sequences_end_to_end_and_counts_positions_anew() -> None:
    batch = pack([Sequence([11, 12, 13], [0, 0, 1], 4), Sequence([21], [0], 2), Sequence([31, 32], [1, 1], 0)])
    assert batch.input_ids.tolist() == [11, 12, 13, 21, 31, 32]
    assert batch.position_ids.tolist() == [0, 1, 2, 0, 0, 1]
    assert batch.token_type_ids is not None
    assert batch.token_type_ids.tolist() == [0, 0, 1, 0, 1, 1]
    assert batch.cu_seqlens.tolist() == [0, 3, 4, 6]
    assert batch.seqlens() == [3, 1, 2]
    assert (batch.max_seqlen, batch.num_tokens, batch.num_sequences) == (3, 6, 3)
    assert batch.sequence_labels is not None
    assert batch.sequence_labels.tolist() == [4, 2, 0]


def test_pack_chooses_the_dtypes_that_the_model_and_the_kernels_need() -> None:
    batch = pack([Sequence([11, 12], [0, 1], 4), Sequence([21], [0], 2)])
    assert batch.input_ids.dtype == batch.position_ids.dtype == torch.int64
    assert batch.cu_seqlens.dtype == torch.int32
    assert batch.sequence_labels is not None
    assert batch.sequence_labels.dtype == torch.int64
    numbers = pack([Sequence([11], None, 0.5), Sequence([21], None, 2.0)]).sequence_labels
    assert numbers is not None
    assert numbers.dtype == torch.float32
    assert numbers.tolist() == [0.5, 2.0]


def test_pack_leaves_out_what_no_sequence_has() -> None:
    batch = pack([Sequence([11, 12]), Sequence([21])])
    absent = ("token_type_ids", "language_ids", "labels", "label_index", "sequence_labels")
    assert [getattr(batch, name) for name in absent] == [None] * 5


def test_label_zero_is_a_label() -> None:
    labels = pack([Sequence([11], None, 0)]).sequence_labels
    assert labels is not None
    assert labels.tolist() == [0]


def test_languages_are_packed_and_padded_like_types() -> None:
    batch = pack([Sequence([11, 12], language_ids=[3, 4]), Sequence([21], language_ids=[5])])
    assert batch.language_ids is not None
    assert batch.language_ids.tolist() == [3, 4, 5]
    assert batch.dense(7)["langs"].tolist() == [[3, 4], [5, 0]]
    assert "langs" not in pack([Sequence([11])]).dense(7)
    with pytest.raises(AssertionError):
        pack([Sequence([11], language_ids=[3]), Sequence([21])])


@pytest.mark.parametrize("half", [Sequence([21], None, 1), Sequence([21], [0], None)])
def test_pack_takes_no_mixture_of_sequences_with_and_without_a_field(half: Sequence) -> None:
    with pytest.raises(AssertionError):
        pack([Sequence([11], [0], 1), half])


def test_split_into_whole_sequences_shifts_boundaries_and_label_index() -> None:
    first, second, third = example_batch().split(8)
    assert [part.seqlens() for part in (first, second, third)] == [[5, 1], [7], [2, 3]]
    assert [part.max_seqlen for part in (first, second, third)] == [5, 7, 3]
    assert [part.input_ids[0].item() for part in (first, second, third)] == [101, 107, 114]
    assert second.cu_seqlens.tolist() == [0, 7]
    assert third.cu_seqlens.tolist() == [0, 2, 5]
    indices = [part.label_index for part in (first, second, third)]
    assert [index.tolist() for index in indices if index is not None] == [[1, 4, 5], [6], [4]]
    targets = [part.labels for part in (first, second, third)]
    assert [labels.tolist() for labels in targets if labels is not None] == [[201, 204, 205], [212], [217]]
    classes = [part.sequence_labels for part in (first, second, third)]
    assert [labels.tolist() for labels in classes if labels is not None] == [[300, 301], [302], [303, 304]]


def test_a_sequence_longer_than_the_budget_stands_alone() -> None:
    parts = example_batch().split(2)
    assert [part.seqlens() for part in parts] == [[5], [1], [7], [2], [3]]


def test_pieces_say_what_the_whole_says() -> None:
    pieces = replace(example_batch(), causal=True, objective="clm").split(8)
    assert len(pieces) > 1
    assert {(piece.causal, piece.objective) for piece in pieces} == {(True, "clm")}


def test_examples_are_not_split() -> None:
    """Examples of 3, 1 and 1 sequences, which hold 13, 2 and 3 tokens."""
    sequences = [Sequence([i] * n, None, i, continues=i in (1, 2)) for i, n in enumerate(LENGTHS)]
    batch = pack(sequences)
    assert batch.cu_examples is not None
    assert batch.cu_examples.tolist() == [0, 3, 4, 5]
    assert batch.cu_examples.dtype == torch.int32
    for budget, seqlens, examples in (
        (17, [[5, 1, 7, 2], [3]], [[0, 3, 4], [0, 1]]),
        (7, [[5, 1, 7], [2, 3]], [[0, 3], [0, 1, 2]]),
        (1, [[5, 1, 7], [2], [3]], [[0, 3], [0, 1], [0, 1]]),
    ):
        parts = batch.split(budget)
        assert [part.seqlens() for part in parts] == seqlens
        assert [part.example_bounds.tolist() for part in parts] == examples
    assert batch.split(18) == [batch]
    assert pack(sequences[3:]).cu_examples is None


def test_a_part_without_scored_tokens_has_empty_labels() -> None:
    parts = example_batch(scored=(17,)).split(8)
    assert [0 if part.labels is None else len(part.labels) for part in parts] == [0, 0, 1]
    assert parts[0].label_index is not None
    assert parts[0].label_index.dtype == torch.int64


@pytest.mark.parametrize("budget", [18, 19, 10_007])
def test_a_batch_within_the_budget_is_returned_as_it_is(budget: int) -> None:
    batch = example_batch()
    assert batch.split(budget) == [batch]
    assert batch.split(budget)[0] is batch


def test_split_keeps_absent_fields_absent() -> None:
    parts = pack([Sequence([11, 12]), Sequence([21])]).split(2)
    assert [part.input_ids.tolist() for part in parts] == [[11, 12], [21]]
    assert all(
        part.token_type_ids is part.labels is part.label_index is part.sequence_labels is None for part in parts
    )


@given(st.lists(st.integers(1, 13), min_size=1, max_size=11), st.integers(1, 43), st.data())
def test_joining_the_parts_gives_the_batch_back(lengths: list[int], budget: int, data: st.DataObject) -> None:
    scored = sorted(data.draw(st.sets(st.integers(0, sum(lengths) - 1))))
    batch = example_batch(lengths, scored)
    parts = batch.split(budget)
    assert_same(join(parts), batch)
    assert all(part.num_tokens <= budget or part.num_sequences == 1 for part in parts)
    # greedy: the first sequence of a part would not have fitted into the part before it
    for before, after in pairwise(parts):
        assert before.num_tokens + after.seqlens()[0] > budget


@given(st.lists(st.integers(1, 13), min_size=1, max_size=11))
def test_dense_pads_and_its_mask_takes_the_padding_away(lengths: list[int]) -> None:
    batch = example_batch(lengths, ())
    padded = batch.dense(pad_token_id=7)
    mask = padded["attention_mask"].bool()
    assert padded["input_ids"].shape == (len(lengths), max(lengths))
    assert mask.sum(1).tolist() == list(lengths)
    assert padded["input_ids"][mask].tolist() == batch.input_ids.tolist()
    assert batch.token_type_ids is not None
    assert padded["token_type_ids"][mask].tolist() == batch.token_type_ids.tolist()
    assert set(padded["input_ids"][~mask].tolist()) <= {7}
    assert set(padded["token_type_ids"][~mask].tolist()) <= {0}


def test_dense_puts_padding_at_the_end_of_each_row() -> None:
    padded = pack([Sequence([11, 12, 13]), Sequence([21])]).dense(pad_token_id=5)
    assert padded["input_ids"].tolist() == [[11, 12, 13], [21, 5, 5]]
    assert padded["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert sorted(padded) == ["attention_mask", "input_ids"]


def test_to_moves_every_tensor_and_nothing_else() -> None:
    batch = replace(example_batch(), cu_examples=torch.tensor([0, 2, 5]).int(), causal=True, objective="clm")
    moved = batch.to("meta")
    for item in fields(Batch):
        value = getattr(moved, item.name)
        if item.name in ("max_seqlen", "causal", "objective", "source"):
            assert value == getattr(batch, item.name)
        else:
            assert value.device.type == "meta", item.name
            assert value.shape == getattr(batch, item.name).shape
    assert batch.input_ids.device.type == "cpu"
    assert pack([Sequence([11])]).to("meta").token_type_ids is None


def test_sequences_of_one_example_are_never_parted() -> None:
    """Examples of 5, 9 and 1 tokens in two, three and one sequences."""
    lengths, continues = (4, 1, 2, 6, 1, 1), (False, True, False, True, True, False)
    sequences = [
        Sequence([place] * length, label=place, continues=joined)
        for place, (length, joined) in enumerate(zip(lengths, continues, strict=True))
    ]
    batch = pack(sequences)
    assert batch.example_bounds.tolist() == [0, 2, 5, 6]
    first, second = batch.split(10)
    assert (set(first.input_ids.tolist()), set(second.input_ids.tolist())) == ({0, 1}, {2, 3, 4, 5})
    assert (first.example_bounds.tolist(), second.example_bounds.tolist()) == ([0, 2], [0, 3, 4])
    assert second.sequence_labels is not None
    assert second.sequence_labels.tolist() == [2, 3, 4, 5]
    assert [part.seqlens() for part in batch.split(1)] == [[4, 1], [2, 6, 1], [1]]
    assert [part.seqlens() for part in batch.split(14)] == [[4, 1, 2, 6, 1], [1]]


def test_sequences_alone_are_examples_of_their_own() -> None:
    batch = replace(example_batch(), cu_examples=None)
    assert batch.example_bounds.tolist() == [0, 1, 2, 3, 4, 5]
    assert pack([Sequence([11]), Sequence([21])]).cu_examples is None
    part = pack([Sequence([11], continues=True), Sequence([21])])  # as a batch by length may have it
    assert part.example_bounds.tolist() == [0, 1, 2]


def with_source(lengths: Many[int] = (2, 7, 1, 3, 11)) -> Batch:
    """The batch of `LENGTHS` as translations of sequences of these lengths."""
    return replace(example_batch(), source=example_batch(lengths, ()))


def test_pack_packs_sources_beside_their_targets() -> None:
    pairs = [
        Sequence([11, 12, 13], language_ids=[1, 1, 1], source=Sequence([21], language_ids=[0])),
        Sequence([14], language_ids=[1], source=Sequence([22, 23], language_ids=[0, 2])),
    ]
    batch = pack(pairs)
    assert batch.source is not None
    assert (batch.seqlens(), batch.source.seqlens()) == ([3, 1], [1, 2])
    assert batch.source.input_ids.tolist() == [21, 22, 23]
    assert batch.source.position_ids.tolist() == [0, 0, 1]
    assert batch.source.language_ids is not None
    assert batch.source.language_ids.tolist() == [0, 0, 2]
    with pytest.raises(AssertionError):
        pack([Sequence([11], source=Sequence([21])), Sequence([12])])


def test_split_and_shares_count_the_tokens_of_sources_and_keep_pairs_together() -> None:
    batch = with_source()  # of 7, 8, 8, 5 and 14 tokens together
    assert batch.work_bounds.tolist() == [0, 7, 15, 23, 28, 42]
    for parts in (batch.split(16), [part for part in batch.shares(3) if part is not None]):
        assert [part.source.seqlens() for part in parts if part.source] == [[2, 7], [1, 3], [11]]
        assert [part.seqlens() for part in parts] == [[5, 1], [7, 2], [3]]
        assert_same(join(parts), batch)
    shortest = batch.shortest_example()
    assert shortest.source is not None
    assert (shortest.seqlens(), shortest.source.seqlens()) == ([2], [3])
    assert shortest.source.input_ids.tolist() == [111, 112, 113]


def test_to_moves_the_source_too() -> None:
    source = with_source().to("meta").source
    assert source is not None
    assert source.cu_seqlens.is_meta


def test_loss_output_holds_no_metrics_unless_given() -> None:
    output = LossOutput({"mlm": torch.tensor(2.0)})
    assert dict(output.metrics) == {}
    assert torch.nn.CrossEntropyLoss().ignore_index == IGNORE_INDEX


@given(st.lists(st.integers(1, 23), min_size=1, max_size=17), st.integers(1, 7), st.data())
def test_shares_are_the_batch_in_whole_examples(lengths: list[int], count: int, data: st.DataObject) -> None:
    bounds = sorted({0, len(lengths), *data.draw(st.lists(st.integers(0, len(lengths)), max_size=5))})
    batch = replace(example_batch(lengths, ()), cu_examples=torch.tensor(bounds).int())
    shares = batch.shares(count)
    assert len(shares) == count
    there = [share for share in shares if share is not None]
    assert_same(join(there), batch)
    examples = [sum(lengths[first:last]) for first, last in pairwise(bounds)]
    sizes = [share.num_tokens if share else 0 for share in shares]
    assert max(sizes) <= batch.num_tokens / count + max(examples)
    shortest = batch.shortest_example()
    assert shortest.num_tokens == min(examples)
    assert shortest.num_sequences == bounds[examples.index(min(examples)) + 1] - bounds[examples.index(min(examples))]


def test_more_shares_than_examples_leave_some_empty() -> None:
    batch = example_batch()
    assert [share and share.num_tokens for share in batch.shares(3)] == [6, 7, 5]
    assert sum(share is None for share in batch.shares(11)) == 6
    assert batch.shares(1) == [batch]
