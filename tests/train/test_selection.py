"""Which evaluation is the best: direction, ties, numbers that are none, and patience."""

import math

import pytest

from encodery.errors import UserError
from encodery.train.selection import Best, choose


def best_of(metric: str | None, values: list[float], name: str = "accuracy") -> Best | None:
    best = None
    for step, value in enumerate(values, start=1):
        best = choose(best, 10 * step, {name: value, "other": 1.0 - value}, metric)
    return best


@pytest.mark.parametrize(
    ("name", "step"),
    [("accuracy", 20), ("macro_f1", 20), ("pearson", 20), ("loss", 40), ("mlm_loss", 40), ("mse", 40)],
)
def test_the_metric_knows_its_direction(name: str, step: int) -> None:
    best = best_of(None, [0.5, 0.7, 0.6, 0.4, 0.45], name)
    assert best is not None
    assert (best.step, best.metric, best.waited) == (step, name, (50 - step) // 10)


def test_the_first_metric_decides_unless_one_is_named() -> None:
    values = [0.5, 0.7, 0.6]
    by_first, by_other = best_of(None, values), best_of("other", values)
    assert by_first is not None
    assert by_other is not None
    assert (by_first.metric, by_first.step, by_first.value) == ("accuracy", 20, 0.7)
    assert (by_other.metric, by_other.step, by_other.value) == ("other", 10, 0.5)


def test_of_two_equal_ones_the_earlier_is_kept() -> None:
    best = best_of(None, [0.5, 0.7, 0.7, 0.7])
    assert best == Best(step=20, metric="accuracy", value=0.7, waited=2)


def test_waiting_starts_anew_with_every_better_one() -> None:
    assert [best.waited for n in range(1, 6) if (best := best_of(None, [0.1, 0.1, 0.2, 0.0, 0.1][:n]))] == [
        0, 1, 0, 1, 2,
    ]  # fmt: skip


def test_what_is_not_a_number_is_never_the_best() -> None:
    assert best_of(None, [math.nan, math.inf]) is None
    assert best_of("loss", [math.nan, -math.inf, 3.0, math.nan], "loss") == Best(
        step=30, metric="loss", value=3.0, waited=1
    )


def test_a_metric_that_is_not_measured_is_refused() -> None:
    with pytest.raises(UserError) as error:
        choose(None, 3, {"accuracy": 0.5, "macro_f1": 0.4}, "f2")
    assert str(error.value) == ("best_metric = 'f2': an evaluation here has accuracy, macro_f1; choose one of these")
    with pytest.raises(UserError, match=r'keep = "best" and early_stopping need an evaluation, and there is nothing'):
        choose(None, 3, {}, None)


def test_a_person_reads_it() -> None:
    assert str(Best(step=120, metric="accuracy", value=0.93128)) == "accuracy 0.9313 at step 120"
