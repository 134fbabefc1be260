"""A number that follows the step: its three forms, what it is at a step, and what is none of them."""

from typing import Any

import numpy as np
import pytest

from encodery.config import Config
from encodery.data.languages import sampling_shares
from encodery.data.schedule import Alpha, knots_of, rates_at, value_at, values_at
from encodery.errors import UserError
from encodery.objectives.masked import MaskedConfig

STEPS = np.arange(11)


def rates(mask_probability: Any, num_steps: int = 11) -> np.ndarray:
    config = MaskedConfig.parse({"mask_probability": mask_probability}, "test")
    return rates_at(config.mask_probability, STEPS, num_steps)


def test_one_number_is_one_for_all_steps() -> None:
    assert rates(0.2).shape == ()
    assert float(rates(0.2)) == 0.2
    assert float(rates(1)) == 1.0


def test_a_ramp_goes_from_the_first_step_to_the_last() -> None:
    np.testing.assert_allclose(rates({"start": 0.3, "end": 0.1}), 0.3 - 0.02 * STEPS)
    np.testing.assert_allclose(rates({"start": 0.3, "end": 0.1}, 6), np.maximum(0.3 - 0.04 * STEPS, 0.1))
    assert rates({"start": 0.3, "end": 0.1}, 1)[0] == 0.3


def test_between_knots_the_lines_are_straight_and_outside_of_them_level() -> None:
    expected = [0.2, 0.2, 0.2, 0.25, 0.3, 0.25, 0.2, 0.15, 0.1, 0.1, 0.1]
    np.testing.assert_allclose(rates([[2, 0.2], [4, 0.3], [8, 0.1]]), expected)


def test_it_is_written_as_it_was_read() -> None:
    for stated in (0.2, {"start": 0.3, "end": 0.1}, ((0, 0.2), (7, 0.5))):
        config = MaskedConfig.parse({"mask_probability": stated}, "test")
        dumped = config.model_dump(mode="json")
        assert MaskedConfig.parse(dumped, "test") == config
    assert MaskedConfig().model_dump() == {
        "mask_probability": 0.15,
        "replace_probs": (0.8, 0.1, 0.1),
        "whole_word": False,
    }


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("0.2", "mask_probability = '0.2': a number, { start, end } or a list of [step, value] is needed"),
        (True, "mask_probability = True: a number, { start, end } or a list of [step, value] is needed"),
        ([], "mask_probability = []: [step, value] pairs are needed, at least one, each step above the one before"),
        ([[3, 0.2], [3, 0.3]], "= [[3, 0.2], [3, 0.3]]: [step, value] pairs are needed, at least one, each step"),
        ([[0, 0.2], [5, 1.5]], "mask_probability.1.1 = 1.5: input should be less than or equal to 1"),
        ({"start": 0.2}, "missing key 'mask_probability.end'"),
        ({"start": 0.2, "end": 0}, "mask_probability.end = 0: input should be greater than 0"),
    ],
)
def test_schedules_that_cannot_be(stated: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        MaskedConfig.parse({"mask_probability": stated}, "recipe.toml")
    assert message in str(caught.value)


class Holder(Config):
    alpha: Alpha = 1.0


@pytest.mark.parametrize(
    ("alpha", "knots"),
    [
        (0.3, ((0, 0.3),)),
        (1, ((0, 1.0),)),
        ({"start": 1.0, "end": 0.3}, ((0, 1.0), (101, 0.3))),
        ([[7, 0.5], [11, 0]], ((7, 0.5), (11, 0.0))),
    ],
)
def test_the_forms(alpha: Any, knots: object) -> None:
    parsed = Holder.parse({"alpha": alpha}, "recipe.toml").alpha
    assert knots_of(parsed, 101) == knots
    dumped = Holder.parse({"alpha": alpha}, "recipe.toml").model_dump(mode="json")
    assert Holder.parse(dumped, "recipe.toml").alpha == parsed


def test_alpha_goes_straight_between_knots_and_stays_outside() -> None:
    knots = ((100, 1.0), (200, 0.5), (300, 0.7))
    wanted = {0: 1.0, 100: 1.0, 150: 0.75, 200: 0.5, 250: 0.6, 1000: 0.7}
    assert {step: value_at(knots, step) for step in wanted} == pytest.approx(wanted)
    assert values_at(knots, np.array([*map(float, wanted)])).tolist() == pytest.approx([*wanted.values()])


def test_shares_are_those_of_the_formula() -> None:
    tokens = np.array([1_000_000, 10_000, 1])
    raised = [(size / 1_010_001) ** 0.3 for size in tokens.tolist()]
    assert sampling_shares(tokens, 0.3).tolist() == pytest.approx([value / sum(raised) for value in raised])
    assert sampling_shares(tokens, 1.0).tolist() == pytest.approx((tokens / tokens.sum()).tolist())
    assert sampling_shares(tokens, 0.0).tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    "alpha",
    [1.5, -0.1, "low", True, {"start": 1.0}, {"start": 2, "end": 0.3}, [[0, 1.5]], [[0, True]], [[0, 0.5, 1]], []],
)
def test_what_is_no_alpha(alpha: object) -> None:
    between = ":" if isinstance(alpha, dict) else " ="
    with pytest.raises(UserError) as error:
        Holder.parse({"alpha": alpha}, "recipe.toml")
    assert str(error.value) == (
        f"recipe.toml: alpha{between} {alpha!r}: a number from 0 to 1, {{ start, end }} or [[step, alpha], ...] of "
        "such numbers is allowed"
    )


@pytest.mark.parametrize("knots", [[[7, 0.5], [7, 0.3]], [[9, 0.5], [7, 0.3]], [[-1, 0.5]], [[0.5, 0.5]]])
def test_steps_rise(knots: object) -> None:
    with pytest.raises(UserError, match=r"the steps in \[\[step, alpha\], ...\] must be whole numbers that rise"):
        Holder.parse({"alpha": knots}, "recipe.toml")
