"""Orders and reports of an engine's process, with an engine that does nothing."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from encodery.bench import predict_worker
from encodery.bench.predict_batches import How
from encodery.bench.predict_texts import Texts
from encodery.bench.predict_worker import Work, serve

TEXTS = Texts({16: "sixteen", 64: "sixty-four"}, [f"text {n}" for n in range(11)], ["more"], 101)


class Counting:
    """What was asked of it."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def prepare(self, text: str) -> Any:
        return f"ids of {text}"

    def request(self, prepared: Any) -> np.ndarray:
        self.asked.append(prepared)
        return np.array([0.5, -0.5], np.float32)

    def label(self, texts: Sequence[str], how: How) -> list[str]:
        self.asked.append((list(texts), how))
        return ["positive"] * len(texts)


@pytest.fixture
def sides() -> list[Counting]:
    return []


@pytest.fixture
def work(sides: list[Counting]) -> Work:
    def load() -> Counting:
        sides.append(Counting())
        return sides[-1]

    return Work(load, TEXTS)


def test_a_request_is_repeated_for_its_time(work: Work, sides: list[Counting]) -> None:
    times = work.request(64, 0.0)
    assert len(times) == 5  # the least, after two that do not count
    assert sides[0].asked == ["ids of sixty-four"] * 7
    assert all(seconds >= 0 for seconds in times)


def test_requests_are_not_endless(work: Work, sides: list[Counting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_worker, "_MOST", 13)
    assert len(work.request(16, 1e9)) == 13


def test_whole_is_text_to_label(work: Work, sides: list[Counting]) -> None:
    assert len(work.whole(16, 0.0)) == 5
    assert sides[0].asked == [(["sixteen"], "offline")] * 7


def test_a_first_pass_is_by_a_new_engine(work: Work, sides: list[Counting]) -> None:
    assert len(work.mixed()) == len(work.first()) == 11
    assert [len(side.asked) for side in sides] == [11, 11]
    assert sides[1].asked == [f"ids of text {n}" for n in range(11)]


def test_all_texts_are_labelled_as_told(work: Work, sides: list[Counting]) -> None:
    assert len(work.label("sorted")) == 1
    assert sides[0].asked == [(TEXTS.natural, "sorted")]


def test_orders_and_reports_are_lines(work: Work) -> None:
    reports: list[str] = []
    orders = [{"do": "logits", "number": 3}, {"do": "request", "length": 16, "seconds": 0.0}]
    serve(work, iter(map(json.dumps, orders)), reports.append)
    logits, request = map(json.loads, reports)
    assert logits["result"] == [[0.5, -0.5]] * 3
    assert len(request["result"]) == 5
    assert logits["bytes"] > 10**6
