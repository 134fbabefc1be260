"""The three forms of alpha, and what is none of them."""

from typing import Any

import numpy as np
import pytest

from encodery.config import Config
from encodery.data.alpha import Alpha, alpha_at, knots_of, sampling_shares
from encodery.errors import UserError


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


def test_alpha_goes_straight_between_knots_and_stays_outside() -> None:
    knots = ((100, 1.0), (200, 0.5), (300, 0.7))
    wanted = {0: 1.0, 100: 1.0, 150: 0.75, 200: 0.5, 250: 0.6, 1000: 0.7}
    assert {step: alpha_at(knots, step) for step in wanted} == pytest.approx(wanted)


def test_shares_are_those_of_the_formula() -> None:
    tokens = np.array([1_000_000, 10_000, 1])
    raised = [(size / 1_010_001) ** 0.3 for size in tokens.tolist()]
    assert sampling_shares(tokens, 0.3).tolist() == pytest.approx([value / sum(raised) for value in raised])
    assert sampling_shares(tokens, 1.0).tolist() == pytest.approx((tokens / tokens.sum()).tolist())
    assert sampling_shares(tokens, 0.0).tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("alpha", [1.5, -0.1, "low", True, {"start": 1.0}, {"start": 2, "end": 0.3}, [[0, 1.5]], []])
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
