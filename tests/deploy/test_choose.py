"""Engines in turn, the fastest first; nothing here depends on how fast the machine is."""

import time
from collections.abc import Callable

import pytest

from encodery.batch import Batch
from encodery.deploy import choose
from encodery.deploy.bundle import BundleInfo
from encodery.deploy.choose import Candidate, Measured, latencies, measure, texts, thread_counts


def info(threads: int) -> BundleInfo:
    return BundleInfo(engine="openvino", dtype="int8", head=None, threads=threads)


def waiting(clock: list[float], milliseconds: float) -> Callable[[Batch], None]:
    """Takes so long, and twice that for long texts."""

    def compute(batch: Batch) -> None:
        clock[0] += milliseconds / 1e3 * (2 if batch.num_tokens > 100 else 1)

    return compute


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time goes by where a test says so alone."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(("cores", "counts"), [(1, (1,)), (2, (2, 1)), (3, (3, 1)), (16, (16, 8, 1))])
def test_threads_that_are_tried(cores: int, counts: tuple[int, ...]) -> None:
    assert thread_counts(cores) == counts


def test_texts_are_as_long_as_they_say_and_fit_the_model() -> None:
    found = texts(97, 200, (2, 5, 3))
    assert [*found] == [16, 64, 128]
    for length, batch in found.items():
        assert batch.num_tokens == length
        assert batch.input_ids[[0, 1, -1]].tolist() == [2, 5, 3]
        assert batch.input_ids.max() < 97
    assert [*texts(97, 11, (2, 5, 3))] == [11]
    for batch in texts(13, 200, (2, 4, 3)).values():  # a mask alone, however small the vocabulary
        assert [(batch.input_ids == token).sum() for token in (2, 4, 3)] == [1, 1, 1]


def test_the_fastest_is_first_and_lengths_weigh_the_same(clock: list[float]) -> None:
    batches = texts(97, 200, (2, 5, 3))
    candidates = [Candidate(info(threads), waiting(clock, cost)) for threads, cost in ((1, 7.0), (2, 3.0), (3, 5.0))]
    found = measure(candidates, batches, seconds=0.2)
    assert [row.info.threads for row in found] == [2, 3, 1]
    assert found[0].latency == pytest.approx({16: 3.0, 64: 3.0, 128: 6.0})
    assert found[0].mean == pytest.approx((3 * 3 * 6) ** (1 / 3))
    assert found[0].row == {
        "engine": "openvino",
        "dtype": "int8",
        "threads": 2,
        "rest": "f32",
        "latency_ms": pytest.approx({"16": 3.0, "64": 3.0, "128": 6.0}),
    }


def test_measuring_ends_in_time_and_each_had_its_turn(clock: list[float]) -> None:
    batches = texts(97, 200, (2, 5, 3))
    rows = latencies([waiting(clock, 5000.0), waiting(clock, 1.0)], batches, seconds=0.1)
    assert clock[0] < 5 * 4 * (choose.WARM_UP + 1.5)
    assert [row[16] for row in rows] == pytest.approx([5000.0, 1.0])


def test_medians_pass_over_a_neighbour(clock: list[float]) -> None:
    calls = [0]

    def disturbed(batch: Batch) -> None:
        calls[0] += 1
        clock[0] += 1.0 if calls[0] % 7 == 0 else 0.001

    (row,) = latencies([disturbed], texts(97, 20, (2, 5, 3)), seconds=20.0)
    assert row == pytest.approx({16: 1.0})


def test_one_measurement_without_lengths_of_its_own() -> None:
    assert Measured(info(1), {16: 4.0, 64: 9.0}).mean == pytest.approx(6.0)
