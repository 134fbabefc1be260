"""Labelled sequences: every one once an epoch, in a new order each time, within the budget."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.batch import Batch, Sequence
from encodery.data.epochs import Epochs


def make_sequences(lengths: list[int]) -> list[Sequence]:
    """Sequence i holds its own number and has label i."""
    return [Sequence([i] * length, [0] * length, i) for i, length in enumerate(lengths)]


def numbers(batch: Batch) -> list[int]:
    """Which sequences a batch holds, by their tokens; the labels must agree."""
    found: list[int] = batch.input_ids[batch.cu_seqlens[:-1].long()].tolist()
    assert batch.sequence_labels is not None
    assert batch.sequence_labels.tolist() == found
    return found


@given(st.lists(st.integers(1, 13), min_size=1, max_size=53), st.integers(1, 41), st.integers(1, 3))
def test_every_sequence_once_an_epoch_within_the_budget(lengths: list[int], budget: int, epochs: int) -> None:
    batches = Epochs(make_sequences(lengths), budget, epochs, seed=7)
    found = [batches(step) for step in range(len(batches))]
    assert Counter(number for batch in found for number in numbers(batch)) == dict.fromkeys(
        range(len(lengths)), epochs
    )
    # a sequence longer than the budget raises it: no sequence is lost
    assert all(batch.num_tokens <= max(budget, *lengths, 1) for batch in found)


@pytest.fixture
def lengths() -> list[int]:
    return [3 + 7 * i % 11 for i in range(101)]


def test_an_epoch_ends_before_the_next_begins(lengths: list[int]) -> None:
    batches = Epochs(make_sequences(lengths), 61, epochs=3, seed=7)
    order = [number for step in range(len(batches)) for number in numbers(batches(step))]
    epochs = [order[start : start + 101] for start in (0, 101, 202)]
    assert all(sorted(epoch) == list(range(101)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert epochs[1] != epochs[2]
    assert all(epoch != sorted(epoch) for epoch in epochs)


def test_the_order_is_a_function_of_the_seed(lengths: list[int]) -> None:
    sequences = make_sequences(lengths)
    first, again, other = (Epochs(sequences, 61, 2, seed) for seed in (7, 7, 11))
    assert len(first) == len(again)
    assert [numbers(first(step)) for step in range(len(first))] == [
        numbers(again(step)) for step in range(len(first))
    ]
    assert numbers(first(0)) != numbers(other(0))


def test_a_step_can_be_asked_for_at_any_time(lengths: list[int]) -> None:
    """A resumed run asks for step n first."""
    batches = Epochs(make_sequences(lengths), 61, 2, seed=7)
    last = numbers(batches(len(batches) - 1))
    forward = [numbers(batches(step)) for step in range(len(batches))]
    assert forward[-1] == last
    with pytest.raises(IndexError):
        batches(len(batches))


def test_more_epochs_continue_the_same_order(lengths: list[int]) -> None:
    short, long = (Epochs(make_sequences(lengths), 61, epochs, seed=7) for epochs in (1, 2))
    assert len(long) > len(short)
    assert [numbers(short(step)) for step in range(len(short))] == [numbers(long(step)) for step in range(len(short))]


@given(st.lists(st.lists(st.integers(1, 7), min_size=1, max_size=5), min_size=1, max_size=23), st.integers(1, 41))
def test_examples_stay_whole(lengths: list[list[int]], budget: int) -> None:
    sequences = [
        Sequence([number] * length, label=place, continues=place > 0)
        for number, example in enumerate(lengths)
        for place, length in enumerate(example)
    ]
    batches = Epochs(sequences, budget, 2, seed=7)
    found: list[int] = []
    for step in range(len(batches)):
        batch = batches(step)
        assert batch.num_tokens <= max(budget, *map(sum, lengths), 1)
        for first, last in zip(batch.example_bounds[:-1].tolist(), batch.example_bounds[1:].tolist(), strict=True):
            start, end = batch.cu_seqlens[[first, last]].tolist()
            (number,) = set(batch.input_ids[start:end].tolist())
            assert batch.seqlens()[first:last] == lengths[number]
            assert batch.sequence_labels is not None
            assert batch.sequence_labels[first:last].tolist() == list(range(last - first))
            found.append(number)
    assert Counter(found) == dict.fromkeys(range(len(lengths)), 2)


def test_one_sequence() -> None:
    batches = Epochs(make_sequences([5]), 3, epochs=2, seed=7)
    assert len(batches) == 2
    assert batches(1).seqlens() == [5]


@given(st.lists(st.lists(st.integers(1, 13), min_size=1, max_size=5), min_size=1, max_size=31), st.integers(13, 41))
def test_sequences_of_one_example_stay_together(examples: list[list[int]], budget: int) -> None:
    sequences = [
        Sequence([i] * length, None, i, continues=place > 0)
        for i, lengths in enumerate(examples)
        for place, length in enumerate(lengths)
    ]
    batches = Epochs(sequences, budget, 2, seed=7)
    seen: Counter[int] = Counter()
    for batch in map(batches, range(len(batches))):
        found, bounds = numbers(batch), batch.example_bounds.tolist()
        for start, stop in pairwise(bounds):
            (number,) = set(found[start:stop])  # sequences of one example, all of them
            assert batch.seqlens()[start:stop] == examples[number]
            seen[number] += 1
        assert batch.num_tokens <= budget or len(bounds) == 2  # a longer example has a batch to itself
    assert seen == dict.fromkeys(range(len(examples)), 2)


def test_the_tokens_of_sources_count() -> None:
    sequences = [Sequence([i] * 3, [0] * 3, i, source=Sequence([7] * 5, [0] * 5)) for i in range(7)]
    batches = Epochs(sequences, 17, 1, seed=7)
    found = [batches(step) for step in range(len(batches))]
    assert sorted(number for batch in found for number in numbers(batch)) == [*range(7)]
    assert [batch.num_sequences for batch in found] == [2, 2, 2, 1]
    assert all(batch.source is not None and batch.source.num_tokens == 5 * batch.num_sequences for batch in found)
