"""The gate: it counts steps, times from gate to gate, and ends with the orders."""

import json
from collections.abc import Iterator

import pytest

from encodery.bench.gate import Finished, Gate


class Clock:
    """A clock that we turn."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def reports_of(lines: list[str]) -> list[dict[str, float]]:
    return [json.loads(line) for line in lines]


def test_blocks_are_timed_from_gate_to_gate() -> None:
    clock = Clock()
    reports: list[str] = []
    peaks = iter([1009, 2003])
    gate = Gate(iter(['{"steps": 3}\n', '{"steps": 1}\n']), reports.append, lambda: next(peaks), clock=clock)
    gate.ready(11_201_594)
    for tokens in (5, 7, 11, 13):
        gate.arrive()
        gate.add(tokens)
        clock.now += 2.0
    with pytest.raises(Finished):
        gate.arrive()
    assert reports_of(reports) == [
        {"parameters": 11_201_594},
        {"seconds": 6.0, "tokens": 23, "peak_bytes": 1009},
        {"seconds": 2.0, "tokens": 13, "peak_bytes": 2003},
    ]


def test_waiting_for_orders_is_not_measured() -> None:
    clock = Clock()
    reports: list[str] = []

    def late_orders() -> Iterator[str]:
        for _ in range(2):
            clock.now += 50.0
            yield '{"steps": 1}\n'

    gate = Gate(late_orders(), reports.append, lambda: 0, clock=clock)
    for _ in range(2):
        gate.arrive()
        clock.now += 3.0
    with pytest.raises(Finished):
        gate.arrive()
    assert [report["seconds"] for report in reports_of(reports)] == [3.0, 3.0]


def test_queued_work_is_waited_for_before_the_clock_is_read() -> None:
    clock = Clock()
    reports: list[str] = []

    def synchronize() -> None:
        clock.now += 1.0

    gate = Gate(iter(['{"steps": 2}\n']), reports.append, lambda: 0, synchronize, clock)
    for _ in range(2):
        gate.arrive()
        clock.now += 5.0
    with pytest.raises(Finished):
        gate.arrive()
    assert [report["seconds"] for report in reports_of(reports)] == [11.0]


def test_no_orders_no_steps() -> None:
    reports: list[str] = []
    with pytest.raises(Finished):
        Gate(iter([]), reports.append, lambda: 0).arrive()
    assert reports == []
