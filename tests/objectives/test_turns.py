"""Whose turn it is: in proportion to the weights, phase by phase, any step at once."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encodery.errors import UserError
from encodery.objectives.turns import NAMES, MixingConfig, Turns

THREE = {"mlm": 1.0, "clm": 0.5, "tlm": 1.0}
PHASES = [{"steps": 101, "weights": {"clm": 1.0}}, {"steps": 307, "weights": {"mlm": 3, "tlm": 1}}]


def turns(seed: int = 7, **config: Any) -> Turns:
    return Turns(MixingConfig.parse(config, "test"), seed)


def test_shares_are_those_of_the_weights_in_any_stretch() -> None:
    mixed = turns(weights=THREE)
    for start in (0, 977):
        counts: Counter[str] = Counter(mixed.at(step)[0] for step in range(start, start + 500))
        for name, share in (("mlm", 0.4), ("clm", 0.2), ("tlm", 0.4)):
            assert abs(counts[name] - 500 * share) <= 3, (start, counts)


@given(
    st.lists(
        st.tuples(st.integers(1, 23), st.dictionaries(st.sampled_from(NAMES), st.floats(0.1, 9.0), min_size=1)),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(NAMES), st.floats(0.1, 9.0), min_size=1),
    st.integers(0, 2**40),
)
def test_an_objectives_own_steps_come_in_order_through_all_phases(
    phases: list[tuple[int, dict[str, float]]], weights: dict[str, float], seed: int
) -> None:
    schedule = [{"steps": steps, "weights": given} for steps, given in phases]
    mixed = turns(seed, schedule=schedule, weights=weights)
    done = dict.fromkeys(NAMES, 0)
    for step in range(79):
        assert mixed.before(step) == done
        name, own = mixed.at(step)
        assert own == done[name]
        done[name] += 1
    again = turns(seed, schedule=schedule, weights=weights)
    for step in (71, 3, 40):
        assert again.at(step) == mixed.at(step)


def test_phases_have_weights_of_their_own() -> None:
    mixed = turns(schedule=PHASES, weights={"tlm": 1.0})
    assert {mixed.at(step)[0] for step in range(101)} == {"clm"}
    counts = Counter(mixed.at(step)[0] for step in range(101, 408))
    assert abs(counts["mlm"] - 230) <= 2
    assert counts["mlm"] + counts["tlm"] == 307
    assert mixed.at(408) == ("tlm", counts["tlm"])
    assert mixed.at(10**6) == ("tlm", counts["tlm"] + 10**6 - 408)


def test_the_last_phase_goes_on_where_no_weights_follow() -> None:
    mixed = turns(schedule=PHASES)
    counts = Counter(mixed.at(step)[0] for step in range(408, 1408))
    assert abs(counts["mlm"] - 750) <= 3
    assert counts["clm"] == 0


def test_a_step_far_away_is_found_at_once() -> None:
    """A count from step 0 would take weeks."""
    name, own = turns(weights=THREE).at(10**12)
    assert abs(own / 10**12 - {"mlm": 0.4, "clm": 0.2, "tlm": 0.4}[name]) < 1e-4


def test_seeds_differ() -> None:
    one, other = ([turns(seed, weights=THREE).at(step)[0] for step in range(97)] for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({}, ("mlm",)),
        ({"weights": {"clm": 1}}, ("clm",)),
        ({"weights": {"tlm": 1, "mlm": 2, "clm": 0}}, ("mlm", "tlm")),
        ({"schedule": PHASES}, ("mlm", "clm", "tlm")),
        ({"schedule": PHASES[:1], "weights": {"mlm": 1}}, ("mlm", "clm")),
    ],
)
def test_the_names_are_those_that_have_a_turn(config: dict[str, Any], names: tuple[str, ...]) -> None:
    assert MixingConfig.parse(config, "test").names == names


def test_nothing_said_is_nothing_written() -> None:
    assert MixingConfig().model_dump(mode="json") == {}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"weights": {"mlm": 0, "clm": 0}},
            "weights = {'mlm': 0.0, 'clm': 0.0}: no objective has a turn; give mlm, clm, tlm a weight above 0",
        ),
        ({"weights": {}}, "weights = {}: no objective has a turn; give mlm, clm, tlm a weight above 0"),
        ({"weights": {"mlm": -1}}, "weights.mlm = -1: input should be greater than or equal to 0"),
        ({"weights": {"rtd": 1}}, "unknown key 'weights.rtd'; allowed: mlm, clm, tlm"),
        ({"schedule": [{"steps": 0, "weights": {"mlm": 1}}]}, "schedule.0.steps = 0: input should be greater than 0"),
        ({"schedule": [{"steps": 3}]}, "missing key 'schedule.0.weights'"),
    ],
)
def test_weights_that_cannot_be(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        MixingConfig.parse(config, "recipe.toml")
    assert message in str(error.value)
