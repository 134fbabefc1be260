"""A number that follows the step, and nothing else."""

from typing import Any

import numpy as np
import pytest

from encodery.errors import UserError
from encodery.objectives.masked import MaskedConfig
from encodery.objectives.schedule import rates_at

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
