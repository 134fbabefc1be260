"""How long pretraining is: steps, a time, phases, a warm-up; and what does not go together."""

from typing import Any

import pytest

from encodery.errors import UserError
from encodery.objectives.phases import Stretch
from encodery.recipe import PretrainTable

PHASES = [{"start": 0.5, "tokens_per_step": 997}, {"start": 0.9, "max_seqlen": 61}]


def table(**values: Any) -> PretrainTable:
    return PretrainTable.parse({"steps": 100, "max_seqlen": 31, "tokens_per_step": 499, **values}, "recipe.toml")


def test_without_phases_there_is_one_stretch() -> None:
    assert table().stretches == [Stretch(0, 31, 499)]
    assert (table().longest, table().total_tokens, table().total_steps) == (31, 49_900, 100)


def test_the_warmup_is_the_first_stretch_and_phases_follow() -> None:
    found = table(seqlen_warmup={"max_seqlen": 11, "steps": 7}, phases=PHASES)
    assert found.stretches == [Stretch(0, 11, 499), Stretch(7, 31, 499), Stretch(50, 31, 997), Stretch(90, 61, 997)]
    assert found.longest == 61
    assert found.total_tokens == 50 * 499 + 50 * 997


def test_a_time_is_enough() -> None:
    timed = PretrainTable.parse({"time": "2h"}, "recipe.toml")
    assert (timed.time, timed.steps, timed.total_tokens) == (7200.0, None, 0)
    assert timed.total_steps > 10**8
    both = table(time="2h", phases=PHASES)
    assert both.total_steps == 100


def test_what_is_not_given_is_not_written() -> None:
    assert {"time", "phases", "from"}.isdisjoint(table().model_dump(by_alias=True))
    written = table(phases=PHASES, time="90s", **{"from": "base"}).model_dump(mode="json", by_alias=True)
    assert written["from"] == "base"
    assert PretrainTable.parse(written, "recipe.toml") == table(phases=PHASES, time="90s", **{"from": "base"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": None}, 'training ends after steps = 100_000 or time = "2h"; give one of them'),
        (
            {"steps": None, "time": "2h", "phases": PHASES, "alpha": [[0, 1.0], [7, 0.3]]},
            "alpha, phases follow the steps of the run, and a time does not say how many these are; give steps, too: "
            "the first of both ends the run",
        ),
        (
            {"phases": PHASES, "objective": {"mlm": {"mask_probability": {"start": 0.3, "end": 0.15}}}},
            "phases change tokens_per_step, and objective.mlm.mask_probability follow steps of one size; keep one",
        ),
        (
            {"phases": [{"start": 0.5, "max_seqlen": 61}, {"start": 0.2, "max_seqlen": 13}]},
            "phases start at 0.5, 0.2; each must start later than the one before it",
        ),
        (
            {"phases": PHASES, "seqlen_warmup": {"max_seqlen": 11, "steps": 53}},
            "phases start at step 50, but seqlen_warmup ends at step 53; start them later",
        ),
        (
            {"seqlen_warmup": {"max_seqlen": 31, "steps": 7}},
            "seqlen_warmup = { max_seqlen = 31, steps = 7 } must be shorter than max_seqlen = 31 and end before "
            "steps = 100",
        ),
        (
            {"objective": {"weights": {"mlm": 1.0}, "schedule": [{"steps": 97, "weights": {"clm": 1.0}}] * 2}},
            "objective.schedule: weights hold after 194 steps, and the run has steps = 100; raise steps, or shorten "
            "the phases",
        ),
        (
            {
                "objective": {
                    "schedule": [{"steps": 100, "weights": {"clm": 1.0}}, {"steps": 1, "weights": {"mlm": 1.0}}]
                }
            },
            "objective.schedule: the last phase begins after 100 steps, and the run has steps = 100; raise steps, or "
            "shorten the phases",
        ),
        (
            {"tokens_per_step": 30},
            "tokens_per_step = 30: must be at least max_seqlen = 31; raise the one or lower the other",
        ),
        (
            {"phases": [{"start": 0.5, "tokens_per_step": 29}]},
            "tokens_per_step = 29: must be at least max_seqlen = 31; raise the one or lower the other",
        ),
        (
            {"best_metric": "probe_loss"},
            "best_metric = 'probe_loss'; one of mlm_loss, mlm_accuracy, nsp_loss, nsp_accuracy is allowed, and "
            "with corpus.probe_inputs probe_mlm_loss, probe_mlm_accuracy",
        ),
        (
            {"optimizer": {"type": "lamb"}, "parallel": "fsdp"},
            'optimizer.type = "lamb" moves a matrix by a share of its length, and parallel = "fsdp" gives each rank '
            'a slice of it; set parallel = "ddp", or optimizer.type = "adamw"',
        ),
        ({"optimizer": {"type": "sgd"}}, "optimizer.type = 'sgd': input should be 'adamw' or 'lamb'"),
    ],
)
def test_what_does_not_go_together(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        table(**values)
    assert message in str(error.value)


def test_the_last_phase_of_a_schedule_may_be_longer_than_the_run() -> None:
    """Without weights behind it, it goes on to the end whatever its length."""
    schedule = [{"steps": 7, "weights": {"clm": 1.0}}, {"steps": 1009, "weights": {"mlm": 1.0}}]
    assert table(objective={"schedule": schedule}).objective.names == ("mlm", "clm")
