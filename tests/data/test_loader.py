"""The loader changes when a batch is made, and nothing else."""

import threading

import pytest
import torch

from encodery.batch import Batch, Sequence, pack
from encodery.data.loader import Loader


def make(step: int) -> Batch:
    return pack([Sequence(input_ids=[step, step + 1])])


def first_ids(loader: Loader) -> list[int]:
    return [int(batch.input_ids[0]) for batch in loader]


@pytest.mark.parametrize(("start", "stop"), [(0, 5), (3, 5), (5, 5), (7, 5)])
def test_batches_are_those_of_the_steps_in_order(start: int, stop: int) -> None:
    with Loader(make, start, stop) as loader:
        assert first_ids(loader) == list(range(start, stop))


def test_the_next_batch_is_made_while_this_one_is_used() -> None:
    made = [threading.Event() for _ in range(3)]

    def watched(step: int) -> Batch:
        made[step].set()
        return make(step)

    with Loader(watched, 0, 3) as loader:
        next(loader)
        assert made[1].wait(timeout=10)
        assert not made[2].is_set()
        next(loader)
        assert made[2].wait(timeout=10)


def test_batches_are_made_one_at_a_time_in_one_other_thread() -> None:
    threads = []

    def watched(step: int) -> Batch:
        threads.append(threading.get_ident())
        return make(step)

    with Loader(watched, 0, 17) as loader:
        assert first_ids(loader) == list(range(17))
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads


def test_an_error_reaches_the_reader_at_its_own_step() -> None:
    def fails(step: int) -> Batch:
        if step == 2:
            raise RuntimeError("shard 2 is gone")
        return make(step)

    with Loader(fails, 0, 9) as loader:
        assert int(next(loader).input_ids[0]) == 0
        assert int(next(loader).input_ids[0]) == 1
        with pytest.raises(RuntimeError, match="shard 2 is gone"):
            next(loader)


def test_leaving_early_ends_the_thread() -> None:
    with Loader(make, 0, 1000) as loader:
        assert torch.equal(next(loader).input_ids, torch.tensor([0, 1]))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_closing_twice_is_closing_once() -> None:
    loader = Loader(make, 0, 3)
    loader.close()
    loader.close()
