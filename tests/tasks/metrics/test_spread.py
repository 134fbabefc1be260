"""Several seeds."""

import pytest

from encodery.tasks.metrics import spread


def test_by_hand() -> None:
    runs = [{"f1": 0.5, "epochs": 3}, {"f1": 0.75, "epochs": 3}, {"f1": 1.0, "epochs": 3}]
    assert spread(runs) == {
        "f1": {"mean": 0.75, "min": 0.5, "max": 1.0, "std": pytest.approx(0.25), "runs": 3},
        "epochs": {"mean": 3.0, "min": 3.0, "max": 3.0, "std": 0.0, "runs": 3},
    }


def test_one_run_has_no_spread() -> None:
    assert spread([{"f1": 0.5}]) == {"f1": {"mean": 0.5, "min": 0.5, "max": 0.5, "runs": 1}}
    assert spread([]) == {}


def test_what_is_no_number_or_is_not_in_every_run_is_left_out() -> None:
    runs = [{"f1": 0.5, "confusion": [[1]], "best": 0.1, "done": True}, {"f1": 0.7, "confusion": [[2]], "done": True}]
    assert list(spread(runs)) == ["f1"]
